package memory

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lastcall/analyze/finding"
	"lastcall/collectors/record"
)

// processSeries reads "Process ID,Process Name,Time,Memory Usage", kB.
func processSeries(t *testing.T, path string) []Life {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]*Life{}
	var names []string
	for _, r := range rows[1:] {
		at, err := time.Parse("2006-01-02 15:04:05.999999", r[2])
		if err != nil {
			t.Fatal(err)
		}
		v, err := strconv.ParseFloat(r[3], 64)
		if err != nil {
			continue
		}
		k := strings.TrimSpace(r[1]) + "/" + r[0]
		if by[k] == nil {
			by[k] = &Life{Container: k, Series: map[record.Metric][]Point{}}
			names = append(names, k)
		}
		by[k].Series[record.RSS] = append(by[k].Series[record.RSS], Point{record.TimeOf(at), v})
	}
	slices.Sort(names)
	var out []Life
	for _, n := range names {
		out = append(out, *by[n])
	}
	return out
}

func TestRealProcessesThatStayFlatAreNotCalledLeaks(t *testing.T) {
	root := filepath.Join(sharedDir(t), "corpus", "memory-series")
	files, err := filepath.Glob(filepath.Join(root, "*", "data", "*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(root, "*", "data", "*", "*", "*", "*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range append(files, more...) {
		for _, c := range Curves(processSeries(t, f), Options{}) {
			seen++
			if c.Shape == finding.ShapeLeak {
				t.Errorf("%s: %s is called a leak: %v", filepath.Base(f), c.Container, c.Reasons)
			}
			// Up and down again by more than half of the level.
			if strings.HasPrefix(c.Container, "tdcststControl/5394") && c.Shape != finding.ShapeSawtooth {
				t.Errorf("%s: %s is %s, it swings between 1.4 and 2.8 GB", filepath.Base(f), c.Container, c.Shape)
			}
		}
	}
	if seen < 100 {
		t.Errorf("%d series read", seen)
	}
}

func TestRealSeriesOfVirtualMachines(t *testing.T) {
	for name, want := range map[string]finding.Shape{
		"test4.csv": finding.ShapeLeak, "test7.csv": finding.ShapeLeak, // a steady rise
		"test2.csv":  finding.ShapeSawtooth, // rises, restarts, rises
		"test5.csv":  finding.ShapePlateau,
		"m_1935.csv": finding.ShapeSawtooth,
	} {
		f, err := os.Open(filepath.Join(sharedDir(t), "corpus", "memory-series", "ansjin+memory_leak_detection", "example", "sample_data", name))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		var pts []Point
		for i, r := range rows[1:] {
			col := r[1]
			if len(r) > 2 {
				col = r[2] // after the name of the machine
			}
			v, err := strconv.ParseFloat(col, 64)
			if err != nil {
				continue
			}
			at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 5 * time.Minute)
			pts = append(pts, Point{record.TimeOf(at), v * 1e7}) // percent of 1 GB
		}
		c := Curves([]Life{{Container: name, LimitBytes: 1e9, Series: map[record.Metric][]Point{record.RSS: pts}}}, Options{})
		if c[0].Shape != want {
			t.Errorf("%s is %s, want %s: %v", name, c[0].Shape, want, c[0].Reasons)
		}
	}
}
