//go:build unix

// Command run measures lastcall as whole processes, beside DuckDB doing the comparable job (duckdb.mjs), and prints the tables of
// the README as Markdown.
//
//	go run ./testdata/bench/generate -compress -out DATA
//	mkdir PEER && (cd PEER && npm install @duckdb/node-api)     # wants Node.js; without it DuckDB's columns stay empty
//	go run ./testdata/bench/run -data DATA -duckdb PEER
//
// CPU is user plus system time and peak is the largest resident set, both as the kernel accounts for the process that ended. Machines
// drift, so the programs take turns (lastcall, DuckDB, lastcall with one core, and again), and medians of one run are compared.
// Progress goes to stderr. That both programs counted the same requests is checked, or there is no table.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lastcall/testdata/bench/traffic"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var b bench
	flag.StringVar(&b.data, "data", "", "folder written by testdata/bench/generate -compress")
	flag.StringVar(&b.peer, "duckdb", "", "folder in which `npm install @duckdb/node-api` was run; without it lastcall runs alone")
	flag.StringVar(&b.binary, "lastcall", "", "binary to measure (default: builds ./cmd/lastcall of this folder)")
	flag.IntVar(&b.rounds, "rounds", 3, "how often each program runs")
	flag.BoolVar(&b.build, "build", false, "also measure a clean build, in a cache of its own (minutes)")
	only := flag.String("only", "", "only files whose name holds this, such as router or .gz")
	flag.Parse()
	if b.data == "" || flag.NArg() > 0 || b.rounds < 1 {
		fmt.Fprintln(os.Stderr, "run: name the folder of the logs with -data; see -help")
		os.Exit(2)
	}
	if err := b.run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

type bench struct {
	data, peer, binary string
	rounds             int
	build              bool
}

// usage is what a process took.
type usage struct {
	cpu, wall time.Duration
	peak      int64 // bytes
}

// program is one way of doing a job.
type program struct {
	name string
	argv []string
	env  []string
	dir  string
	// requests reads off the output how many requests the program saw; nil when it is no such program.
	requests func(out []byte) (int64, error)
}

func (p program) start(ctx context.Context) (usage, []byte, error) {
	cmd := exec.CommandContext(ctx, p.argv[0], p.argv[1:]...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), p.env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	begin := time.Now()
	err := cmd.Run()
	u := usage{wall: time.Since(begin)}
	if err != nil {
		return u, nil, fmt.Errorf("%s: %w\n%s", strings.Join(p.argv, " "), err, errOut.Bytes())
	}
	u.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if ru, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.peak = ru.Maxrss
		if runtime.GOOS == "linux" || runtime.GOOS == "freebsd" { // kilobytes there, bytes elsewhere
			u.peak <<= 10
		}
	}
	return u, out.Bytes(), nil
}

// interleave runs the programs in turns and returns the medians of each.
func interleave(ctx context.Context, rounds int, programs []program) ([]usage, error) {
	all := make([][]usage, len(programs))
	requests := int64(-1)
	for round := range rounds {
		for i, p := range programs {
			u, out, err := p.start(ctx)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(os.Stderr, "%s, round %d: %.2f s CPU, %.2f s, %d MB\n", p.name, round+1, u.cpu.Seconds(), u.wall.Seconds(), u.peak/1e6)
			all[i] = append(all[i], u)
			if p.requests == nil {
				continue
			}
			n, err := p.requests(out)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			if requests >= 0 && n != requests {
				return nil, fmt.Errorf("%s counted %d requests, another program %d: they do not do the same job", p.name, n, requests)
			}
			requests = n
		}
	}
	medians := make([]usage, len(programs))
	for i, us := range all {
		medians[i] = usage{
			median(us, func(u usage) time.Duration { return u.cpu }),
			median(us, func(u usage) time.Duration { return u.wall }),
			median(us, func(u usage) int64 { return u.peak }),
		}
	}
	return medians, nil
}

func median[T cmp.Ordered](us []usage, of func(usage) T) T {
	v := make([]T, len(us))
	for i, u := range us {
		v[i] = of(u)
	}
	slices.Sort(v)
	return v[(len(v)-1)/2]
}

// lastcallRequests reads a JSON report.
func lastcallRequests(out []byte) (int64, error) {
	var r struct {
		Coverage []struct {
			Signal  string
			Records int64
		}
		Warnings []struct{ Code string }
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return 0, err
	}
	if len(r.Warnings) > 0 {
		return 0, fmt.Errorf("a warning on clean input: %s", r.Warnings[0].Code)
	}
	n := int64(0)
	for _, c := range r.Coverage {
		if c.Signal == "requests" {
			n += c.Records
		}
	}
	return n, nil
}

// duckRequests adds up the endpoints' counts.
func duckRequests(out []byte) (int64, error) {
	n := int64(0)
	for line := range strings.Lines(string(out)) {
		f := strings.Split(line, "\t")
		if len(f) < 2 {
			return 0, fmt.Errorf("unexpected output %q", line)
		}
		k, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			return 0, err
		}
		n += k
	}
	return n, nil
}

func (b *bench) run(ctx context.Context, only string) error {
	temp, err := os.MkdirTemp("", "lastcall-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if b.binary == "" {
		b.binary = filepath.Join(temp, "lastcall")
		if _, _, err := compiler(b.binary).start(ctx); err != nil {
			return err
		}
	}
	if b.binary, err = filepath.Abs(b.binary); err != nil {
		return err
	}
	if b.data, err = filepath.Abs(b.data); err != nil {
		return err
	}
	duck, script, err := b.findPeer(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s; medians of %d interleaved runs", machine(), b.rounds)
	if duck != "" {
		fmt.Printf("; DuckDB %s with 2 threads", duck)
	}
	fmt.Print("\n\n")
	if err := b.logs(ctx, only, script); err != nil {
		return err
	}
	return b.whole(ctx, temp)
}

// findPeer tells DuckDB's version and the script that asks it; both empty when it is not there.
func (b *bench) findPeer(ctx context.Context) (version, script string, err error) {
	if b.peer == "" {
		fmt.Fprintln(os.Stderr, "run: DuckDB is skipped: no -duckdb FOLDER (mkdir FOLDER && cd FOLDER && npm install @duckdb/node-api)")
		return "", "", nil
	}
	if script, err = filepath.Abs("testdata/bench/duckdb.mjs"); err != nil {
		return "", "", err
	}
	_, out, err := program{argv: []string{"node", script, "version"}, dir: b.peer}.start(ctx)
	if errors.Is(err, exec.ErrNotFound) {
		fmt.Fprintln(os.Stderr, "run: DuckDB is skipped: there is no Node.js here")
		return "", "", nil
	}
	return strings.TrimSpace(string(out)), script, err
}

// logs measures every log that is there.
func (b *bench) logs(ctx context.Context, only, script string) error {
	fmt.Println("| log | lines, size | lastcall CPU | wall | peak | MB/s | one core: CPU, wall | DuckDB CPU | wall | peak | CPU, lastcall : DuckDB | with regexps |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|")
	crashes := filepath.Join(b.data, traffic.Crashes)
	measured := 0
	for _, name := range traffic.Formats() {
		lines, size, err := count(filepath.Join(b.data, name))
		if err != nil {
			return fmt.Errorf("%w; write the logs with: go run ./testdata/bench/generate -compress -out %s", err, b.data)
		}
		for _, suffix := range []string{"", ".gz", ".zst"} {
			path := filepath.Join(b.data, name+suffix)
			if _, err := os.Stat(path); suffix != "" && errors.Is(err, os.ErrNotExist) || !strings.Contains(name+suffix, only) {
				continue
			}
			ours := program{
				name: "lastcall " + name + suffix, argv: []string{b.binary, "investigate", path, crashes, "--format", "json", "--quiet"},
				env: []string{"GOMAXPROCS=2"}, requests: lastcallRequests,
			}
			one := ours
			one.name, one.env = "one core "+name+suffix, []string{"GOMAXPROCS=1"}
			programs := []program{ours, one}
			if script != "" {
				format, _, _ := strings.Cut(name, ".")
				sql := func(mode string) program {
					return program{
						name: "DuckDB " + mode + " " + name + suffix, argv: []string{"node", script, format, mode, path, crashes, "2"},
						dir: b.peer, requests: duckRequests,
					}
				}
				programs = append(programs, sql("best"))
				if suffix == "" && (name == traffic.Router || name == traffic.Access) {
					programs = append(programs, sql("regexp"))
				}
			}
			m, err := interleave(ctx, b.rounds, programs)
			if err != nil {
				return err
			}
			measured++
			row := []string{
				name + suffix, fmt.Sprintf("%.1f M, %.2f GB", float64(lines)/1e6, float64(size)/1e9),
				seconds(m[0].cpu), seconds(m[0].wall), megabytes(m[0].peak), strconv.Itoa(int(float64(size) / 1e6 / m[0].wall.Seconds())),
				seconds(m[1].cpu) + ", " + seconds(m[1].wall), "", "", "", "", "",
			}
			if len(m) > 2 {
				copy(row[7:], []string{seconds(m[2].cpu), seconds(m[2].wall), megabytes(m[2].peak), ratio(m[0], m[2])})
			}
			if len(m) > 3 {
				row[11] = seconds(m[3].cpu) + ", " + ratio(m[0], m[3])
			}
			fmt.Println("| " + strings.Join(row, " | ") + " |")
		}
	}
	if measured == 0 {
		return fmt.Errorf("no log in %s has %q in its name", b.data, only)
	}
	fmt.Println()
	return nil
}

// whole measures what does not depend on the logs.
func (b *bench) whole(ctx context.Context, temp string) error {
	m, err := interleave(ctx, 7*b.rounds, []program{
		{name: "version", argv: []string{b.binary, "version"}}, {name: "demo", argv: []string{b.binary, "demo"}},
	})
	if err != nil {
		return err
	}
	st, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	fmt.Print("| what | CPU | wall | peak |\n|---|---|---|---|\n")
	fmt.Printf("| start-up (`lastcall version`) | %s | %s | |\n", milliseconds(m[0].cpu), milliseconds(m[0].wall))
	fmt.Printf("| `lastcall demo` | %s | %s | %s |\n", milliseconds(m[1].cpu), milliseconds(m[1].wall), megabytes(m[1].peak))
	if b.build {
		fmt.Fprintln(os.Stderr, "run: a clean build; this takes minutes")
		// The modules are there already: downloading is the network's time.
		u, _, err := compiler(filepath.Join(temp, "clean"), "GOCACHE="+filepath.Join(temp, "cache")).start(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("| clean build | %s | %s | %s (its largest process) |\n", seconds(u.cpu), seconds(u.wall), megabytes(u.peak))
	}
	fmt.Printf("\nBinary: %.1f MB.\n", float64(st.Size())/1e6)
	return nil
}

// compiler builds the program as the release does.
func compiler(path string, env ...string) program {
	return program{
		name: "go build", argv: []string{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/lastcall"},
		env: append([]string{"CGO_ENABLED=0"}, env...),
	}
}

// count reads a file once, which also brings it into memory as far as that reaches.
func count(path string) (lines, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	buf := make([]byte, 256<<10)
	for {
		n, err := f.Read(buf)
		lines += int64(bytes.Count(buf[:n], []byte{'\n'}))
		size += int64(n)
		if err == io.EOF {
			return lines, size, nil
		}
		if err != nil {
			return 0, 0, err
		}
	}
}

func machine() string {
	model := ""
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				model = ", " + strings.TrimSpace(v)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores%s, %s/%s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.0f ms", float64(d.Microseconds())/1000)
}
func megabytes(n int64) string { return fmt.Sprintf("%d MB", (n+500_000)/1_000_000) }
func ratio(a, b usage) string  { return fmt.Sprintf("%.2f", a.cpu.Seconds()/b.cpu.Seconds()) }
