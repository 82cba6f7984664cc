package format

import (
	"context"
	"io"

	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/internal/lines"
)

// EachLine calls f with every line of r that is not empty; JSON that is laid out for people, or in an array, comes one object a line.
func EachLine(ctx context.Context, r io.Reader, f func(no int64, line []byte) error) (lines.Stats, error) {
	in, err := lines.NewReader(r)
	if err != nil {
		return lines.Stats{}, err
	}
	defer in.Close()
	var from io.Reader = in
	if jsondoc.IsSpread(in.Head()) {
		from = jsondoc.NewFlattener(in)
	}
	return lines.Scan(ctx, from, lines.Options{Workers: 1}, func() lines.Worker { return lineFunc(f) })
}

// lineFunc is a function as a worker.
type lineFunc func(no int64, line []byte) error

// Lines implements lines.Worker.
func (f lineFunc) Lines(first int64, data []byte) error {
	for no := first; len(data) > 0; no++ {
		var line []byte
		if line, data = lines.Next(data); len(line) == 0 {
			continue
		}
		if err := f(no, line); err != nil {
			return err
		}
	}
	return nil
}
