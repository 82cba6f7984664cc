// Command generate writes the incident that the benchmarks read (see package traffic), plain and, where asked, compressed.
//
//	go run ./testdata/bench/generate -n 1500000 -hours 6 -seed 1 -compress -out DIR
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"lastcall/testdata/bench/traffic"
)

func main() {
	lines := flag.Int("n", 1_500_000, "log lines of each format")
	hours := flag.Float64("hours", 6, "length of the window")
	seed := flag.Uint64("seed", 1, "another seed, another incident")
	out := flag.String("out", "", "folder to write to")
	compress := flag.Bool("compress", false, "also write each log as .gz and .zst")
	flag.Parse()
	if *out == "" {
		fmt.Fprintln(os.Stderr, "generate: name the folder to write to with -out")
		os.Exit(2)
	}
	if err := run(*out, traffic.Options{Lines: *lines, Hours: *hours, Seed: *seed}, *compress); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(dir string, o traffic.Options, compress bool) error {
	res, err := traffic.Write(dir, o)
	if err != nil {
		return err
	}
	fmt.Printf("%d requests, %d crashes, culprit %s\n", res.Requests, res.Crashes, res.Culprit)
	if !compress {
		return nil
	}
	for _, name := range traffic.Formats() {
		path := filepath.Join(dir, name)
		// Level 6 is what gzip(1) and log shippers use.
		err := pack(path, ".gz", func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, 6) })
		if err == nil {
			err = pack(path, ".zst", func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pack writes the file at path again, beside it and compressed.
func pack(path, suffix string, open func(io.Writer) (io.WriteCloser, error)) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.Create(path + suffix)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w, err := open(out)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, in)
	return errors.Join(err, w.Close())
}
