package cli

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// terminal says what the reader of a stream can show.
type terminal struct {
	tty   bool
	color bool
	width int // columns; 0 when unknown
}

// look finds out what w can show. Order of the rules for colour: the flag, NO_COLOR (https://no-color.org: set and not
// empty), CLICOLOR_FORCE, TERM=dumb, then whether w is a terminal.
func look(w io.Writer, env func(string) string, noColor bool) terminal {
	var t terminal
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		t.tty = true
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			t.width = width
		}
	}
	// COLUMNS is set by people and tests who want a width; a shell does not export it by itself.
	if n, err := strconv.Atoi(env("COLUMNS")); err == nil && n > 0 && n < 10_000 {
		t.width = n
	}
	switch {
	case noColor, env("NO_COLOR") != "":
	case env("CLICOLOR_FORCE") != "" && env("CLICOLOR_FORCE") != "0":
		t.color = true
	case env("TERM") == "dumb", env("CLICOLOR") == "0":
	default:
		t.color = t.tty
	}
	return t
}
