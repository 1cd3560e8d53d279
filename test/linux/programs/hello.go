// SPDX-License-Identifier: BSD-2-Clause
//
// Go: goroutines over several threads, channels, a panic recovered, the garbage collector at work.
package main

import (
	"fmt"
	"runtime"
	"sort"
	"sync"
	"time"
)

func divide(a, b int) (result int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("recovered: %v", r)
		}
	}()
	return a / b, nil
}

func main() {
	var group sync.WaitGroup
	results := make(chan int, 100)
	for i := 0; i < 100; i++ {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			waste := make([][]byte, 0)
			for k := 0; k < 50; k++ {
				waste = append(waste, make([]byte, 1000))
			}
			time.Sleep(time.Millisecond)
			results <- n * len(waste)
		}(i)
	}
	group.Wait()
	close(results)
	all := []int{}
	for r := range results {
		all = append(all, r)
	}
	sort.Ints(all)
	runtime.GC()
	_, err := divide(1, len(all)-100)
	fmt.Println("hello from Go", len(all), all[99], err)
}
