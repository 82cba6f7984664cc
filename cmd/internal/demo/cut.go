//go:build ignore

// Command cut makes the embedded incident from a recorded one: go run cut.go RECORDING. It takes 22 minutes around the four
// crashes, unchanged line by line.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	from = "2026-11-16T13:35:00"
	to   = "2026-11-16T13:57:00"
)

func main() {
	dir := os.Args[1]
	day := func(line string) bool { // "2026-11-16 13:35:00.1 +0000 UTC [router] …", or a CSV with RFC 3339
		if len(line) < len(from) {
			return false
		}
		t := strings.Replace(line[:len(from)], " ", "T", 1)
		return t >= from && t < to
	}
	begin, end := millis(from), millis(to)
	pino := func(line string) bool {
		var x struct {
			Time int64 `json:"time"`
		}
		return json.Unmarshal([]byte(line), &x) == nil && x.Time >= begin && x.Time < end
	}
	cut(dir, "router.log", day)
	cut(dir, "app.ndjson", pino)
	cut(dir, "metrics.csv", func(l string) bool { return strings.HasPrefix(l, "time,") || day(l) })
	cut(dir, "platform.log", func(string) bool { return true })
	// A profile written as the heap ran out, with those of the same life before it.
	for _, name := range []string{
		"web-1_20261116T134259Z.pb.gz", "web-1_20261116T134619Z.pb.gz", "web-1_20261116T134756Z_oom.pb.gz",
		"web-4_20261116T134634Z.pb.gz", "web-4_20261116T134956Z_oom.pb.gz",
	} {
		data, err := os.ReadFile(filepath.Join(dir, "profiles", name))
		check(err)
		check(os.MkdirAll("incident/profiles", 0o777))
		check(os.WriteFile(filepath.Join("incident/profiles", name), data, 0o666))
	}
}

func cut(dir, name string, keep func(string) bool) {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		f, err := os.Open(filepath.Join(dir, name+".gz"))
		check(err)
		z, err := gzip.NewReader(f)
		check(err)
		data, err = io.ReadAll(z)
		check(err)
	}
	var out bytes.Buffer
	in := bufio.NewReader(bytes.NewReader(data))
	lines := 0
	for {
		line, err := in.ReadString('\n')
		if keep(line) && line != "" {
			out.WriteString(line)
			lines++
		}
		if err != nil {
			break
		}
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	check(err)
	packed := enc.EncodeAll(out.Bytes(), nil)
	fmt.Printf("%-14s %6d lines %8d bytes, %7d packed\n", name, lines, out.Len(), len(packed))
	check(os.WriteFile(filepath.Join("incident", name+".zst"), packed, 0o666))
}

func millis(s string) int64 {
	t, err := time.Parse("2006-01-02T15:04:05", s)
	check(err)
	return t.UnixMilli()
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
