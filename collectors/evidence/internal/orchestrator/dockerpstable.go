package orchestrator

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"strings"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// dockerPS reads what `docker ps -a` and `docker compose ps -a` print for people:
//
//	CONTAINER ID   IMAGE        COMMAND        CREATED        STATUS                       PORTS     NAMES
//	4f1e6ad0b1c2   shop:1.42    "node app.js"  3 hours ago    Exited (137) 4 minutes ago             shop-api-1
//	9b1c7be2d1aa   shop:1.42    "node app.js"  3 hours ago    Restarting (1) 5 seconds ago           shop-worker-1
//
// It has ages instead of times, as [podsTable]: that containers ended is all that it tells. Ends of two days or more are left out, and so are
// those with status 0, and 143, with which most runtimes end when they are asked to. A table of which nothing is left is refused.
type dockerPS struct{}

var _ format.WholeFormat = dockerPS{}

// Name implements Format.
func (dockerPS) Name() string { return "docker-ps" }

// Sniff implements Format.
func (dockerPS) Sniff(head []byte) int {
	if isDockerPSHeader(cut.FirstText(head)) {
		return 95
	}
	return 0
}

func isDockerPSHeader(line []byte) bool {
	words := strings.Fields(string(line[:min(len(line), 300)]))
	return len(words) > 0 && (words[0] == "CONTAINER" && cut.HasColumns(words, "IMAGE COMMAND CREATED STATUS NAMES") || words[0] == "NAME" && cut.HasColumns(words, "IMAGE COMMAND SERVICE CREATED STATUS"))
}

// Parse implements WholeFormat.
func (dockerPS) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	told := record.Warning{Code: untimedEnds, Text: untimedEndsText}
	column := -1 // where the states begin
	stats, err := format.EachLine(ctx, r, func(no int64, line []byte) error {
		if isDockerPSHeader(line) {
			column = bytes.Index(line, []byte("STATUS"))
			return nil
		}
		if row := []rune(string(line)); column < 0 || len(row) <= column || !endedByPS(string(row[column:])) {
			return nil // columns are as wide as they look
		}
		if told.Count == 0 {
			told.Pos, told.Example = record.Pos{Source: src, Line: no}, cut.Clip(line, 200)
		}
		told.Count++
		return nil
	})
	if err == nil && stats.TooLong > 0 {
		err = sink.Warn(warning.LineTooLong(src, stats))
	}
	if err == nil && told.Count == 0 {
		return ErrAges
	}
	if err == nil {
		err = sink.Warn(&told)
	}
	return err
}

// statusAsked is the exit status of a process that SIGTERM ended.
const statusAsked = 143

// endedByPS reports whether a state tells of an end that nobody asked for, less than two days ago: "Exited (137) 4 minutes ago",
// "Restarting (1) 5 seconds ago".
func endedByPS(state string) bool {
	rest, exited := strings.CutPrefix(state, "Exited (")
	if !exited {
		return strings.HasPrefix(state, "Restarting (") || strings.HasPrefix(state, "Dead")
	}
	code, age, ok := strings.Cut(rest, ")")
	status, err := strconv.Atoi(code)
	if !ok || err != nil || status == 0 || status == statusAsked {
		return false
	}
	for _, unit := range []string{" days ago", " weeks ago", " months ago", " years ago"} {
		if strings.Contains(age, unit) {
			return false
		}
	}
	return true
}
