// SPDX-License-Identifier: BSD-2-Clause
// Go's net on the loopback: interfaces by netlink, TCP with splice and sendfile, UDP, UNIX, deadlines, HTTP with TLS.
//
//	network FOLDER
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const size = 3 << 20

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	return value
}

func hash(data []byte) string {
	return fmt.Sprintf("%x", sha256.Sum256(data))[:16]
}

func interfaces() {
	for _, i := range must(net.Interfaces()) {
		fmt.Println(i.Index, i.Name, i.MTU, i.Flags, must(i.Addrs()))
	}
	lo := must(net.InterfaceByName("lo"))
	fmt.Println(must(net.InterfaceByIndex(lo.Index)).Name, must(net.InterfaceAddrs()), len(must(lo.MulticastAddrs())) > 0)
	_, err := net.InterfaceByName("nosuch0")
	fmt.Println(err)
	fmt.Println(must(net.LookupHost("localhost"))[0] != "", must(net.LookupPort("tcp", "https")))
}

// A server that sends back all it gets, by splice where it can.
func echo(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			io.Copy(connection, connection)
			connection.Close()
		}()
	}
}

type halfCloser interface{ CloseWrite() error }

func streams(folder string) {
	path := filepath.Join(folder, "file")
	data := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	os.WriteFile(path, data, 0o600)
	for _, at := range [][2]string{{"tcp4", "127.0.0.1:0"}, {"tcp6", "[::1]:0"}, {"tcp", ":0"}, {"unix", folder + "/socket-go"},
		{"unix", "@network-go"}} {
		listener := must(net.Listen(at[0], at[1]))
		go echo(listener)
		address := strings.Replace(listener.Addr().String(), "[::]", "127.0.0.1", 1)
		client := must(net.Dial(at[0], address))
		go func() {
			file := must(os.Open(path))
			io.Copy(client, file) // sendfile
			file.Close()
			client.(halfCloser).CloseWrite()
		}()
		fmt.Println(at, hash(must(io.ReadAll(client))))
		client.Close()
		many(at[0], address)
		listener.Close()
	}
}

// Many connections at a time, each of its own goroutine.
func many(network, address string) {
	var group sync.WaitGroup
	results := make([]int, 200)
	for i := range results {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			client := must(net.Dial(network, address))
			client.Write(make([]byte, 1000+i))
			client.(halfCloser).CloseWrite()
			results[i] = len(must(io.ReadAll(client)))
			client.Close()
		}(i)
	}
	group.Wait()
	fmt.Println(network, hash([]byte(fmt.Sprint(results))))
}

// One connection into another, which Go does by splice.
func relay() {
	back := must(net.Listen("tcp", "127.0.0.1:0"))
	front := must(net.Listen("tcp", "127.0.0.1:0"))
	go echo(back)
	go func() {
		from := must(front.Accept())
		to := must(net.Dial("tcp", back.Addr().String()))
		go func() { io.Copy(to, from); to.(halfCloser).CloseWrite() }()
		io.Copy(from, to)
		from.Close()
	}()
	client := must(net.Dial("tcp", front.Addr().String()))
	go func() { client.Write(bytes.Repeat([]byte{7}, size)); client.(halfCloser).CloseWrite() }()
	fmt.Println("relay", hash(must(io.ReadAll(client))))
}

func datagrams() {
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		server := must(net.ListenPacket("udp", at)).(*net.UDPConn)
		go func() {
			buffer, control := make([]byte, 70000), make([]byte, 100)
			for {
				n, _, _, from, err := server.ReadMsgUDPAddrPort(buffer, control)
				if err != nil {
					return
				}
				server.WriteMsgUDPAddrPort(buffer[:n], nil, from)
			}
		}()
		client := must(net.Dial("udp", server.LocalAddr().String())).(*net.UDPConn)
		for _, n := range []int{0, 1, 1472, 9000, 65000} {
			must(client.Write(bytes.Repeat([]byte("x"), n)))
			buffer := make([]byte, 70000)
			fmt.Println("udp", must(client.Read(buffer)) == n)
		}
		client.SetReadBuffer(100000)
		server.Close()
		client.Write([]byte("nobody"))
		_, err := client.Read(make([]byte, 1))
		fmt.Println(errors.Is(err, syscall.ECONNREFUSED))
	}
	group := &net.UDPAddr{IP: net.IPv4(239, 1, 2, 3), Port: 0}
	fmt.Println(must(net.ListenMulticastUDP("udp4", must(net.InterfaceByName("lo")), group)) != nil)
}

func failures() {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	address := listener.Addr().String()
	_, err := net.Listen("tcp", address)
	fmt.Println(errors.Is(err, syscall.EADDRINUSE))
	client := must(net.Dial("tcp", address)).(*net.TCPConn)
	client.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err = client.Read(make([]byte, 1))
	fmt.Println(errors.Is(err, os.ErrDeadlineExceeded))
	client.SetLinger(0)
	fmt.Println(client.SetKeepAlive(true), client.SetKeepAlivePeriod(time.Minute), client.SetNoDelay(false))
	server := must(listener.Accept())
	client.Close()
	_, err = server.Read(make([]byte, 1))
	fmt.Println(errors.Is(err, syscall.ECONNRESET))
	listener.Close()
	_, err = net.Dial("tcp", address)
	fmt.Println(errors.Is(err, syscall.ECONNREFUSED))
	_, err = net.Dial("tcp", "192.0.2.1:80")
	fmt.Println(errors.Is(err, syscall.ENETUNREACH))
	shared := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, 15, 1) })
	}}
	one := must(shared.Listen(context.Background(), "tcp", "127.0.0.1:0"))
	two := must(shared.Listen(context.Background(), "tcp", one.Addr().String())) // SO_REUSEPORT
	fmt.Println(one.Addr().String() == two.Addr().String())
	copied := must(net.FileListener(must(one.(*net.TCPListener).File())))
	fmt.Println(copied.Addr().String() == one.Addr().String())
}

func web() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintln(w, r.Proto, r.Method, r.URL.Path, hash(body))
	})
	for _, http2 := range []bool{false, true} {
		server := httptest.NewUnstartedServer(handler)
		server.EnableHTTP2 = http2
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		client := server.Client()
		client.Transport.(*http.Transport).TLSClientConfig.MinVersion = tls.VersionTLS12
		results := make([]string, 100)
		var group sync.WaitGroup
		for i := range results {
			group.Add(1)
			go func(i int) {
				defer group.Done()
				response := must(client.Post(fmt.Sprint(server.URL, "/", i), "x/y", bytes.NewReader(make([]byte, i*1000))))
				results[i] = string(must(io.ReadAll(response.Body)))
				response.Body.Close()
			}(i)
		}
		group.Wait()
		fmt.Print(results[99], hash([]byte(strings.Join(results, ""))), "\n")
		server.Close()
	}
}

func main() {
	log.SetOutput(io.Discard) // a test server says when its end takes long
	interfaces()
	streams(os.Args[1])
	relay()
	datagrams()
	failures()
	web()
}
