// SPDX-License-Identifier: BSD-2-Clause
// 10,000 goroutines at once: channels, a mutex, timers, collections of garbage, child processes.
package main

import (
	"fmt"
	"os/exec"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"
)

const count = 10000

func chain() int {
	first := make(chan int)
	from := first
	for i := 0; i < count; i++ {
		to := make(chan int)
		go func(in, out chan int) { out <- 1 + <-in }(from, to)
		from = to
	}
	go func() { first <- 0 }()
	return <-from
}

func locked() (sum int) {
	var mutex sync.Mutex
	var group sync.WaitGroup
	for i := 0; i < count; i++ {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			time.Sleep(time.Duration(n%50) * time.Millisecond / 10)
			text := strings.Repeat("x", n%1000)
			mutex.Lock()
			sum += len(text)
			mutex.Unlock()
		}(i)
	}
	runtime.GC()
	group.Wait()
	return
}

func children() (lines []string) {
	var mutex sync.Mutex
	var group sync.WaitGroup
	for i := 0; i < 10; i++ {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			command := exec.Command("/bin/sh", "-c", fmt.Sprintf("echo child %d; exit %d", n, n))
			out, err := command.CombinedOutput()
			mutex.Lock()
			lines = append(lines, fmt.Sprint(strings.TrimSpace(string(out)), " ", err))
			mutex.Unlock()
		}(i)
	}
	group.Wait()
	sort.Strings(lines)
	return
}

func main() {
	fmt.Println("chain", chain())
	fmt.Println("locked", locked())
	fmt.Println(strings.Join(children(), "\n"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := 0; i < 50; i++ {
		_ = make([]byte, 1<<20)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	fmt.Println("collected", after.NumGC > before.NumGC)
}
