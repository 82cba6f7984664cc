// Leaky is a small service with a leak in one handler, for the test that watches it live.
package main

import (
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"strings"
	"sync"
)

var (
	mu       sync.Mutex
	rendered [][]byte // the leak: nothing is ever removed
	content  [][]byte
	jobs     = make(chan int)
)

func buffer(n int) []byte { return []byte(strings.Repeat("x", n)) }

func loadContent() {
	for range 64 {
		content = append(content, buffer(256<<10))
	}
}

func rememberReport(b []byte) {
	mu.Lock()
	defer mu.Unlock()
	rendered = append(rendered, b, buffer(256<<10))
}

func getReport(w http.ResponseWriter, r *http.Request) {
	rememberReport(buffer(512 << 10))
	fmt.Fprintln(w, "report", r.PathValue("id"))
}

func getUser(w http.ResponseWriter, r *http.Request) {
	b := buffer(1 << 20)
	fmt.Fprintln(w, "user", r.PathValue("id"), len(b))
}

func postNotification(w http.ResponseWriter, r *http.Request) {
	go func() { jobs <- 1 }() // nobody receives
	fmt.Fprintln(w, "accepted")
}

func main() {
	loadContent()
	http.HandleFunc("GET /api/reports/{id}", getReport)
	http.HandleFunc("GET /api/users/{id}", getUser)
	http.HandleFunc("POST /api/notifications", postNotification)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	panic(http.Serve(l, nil))
}
