package evidence

import (
	"strings"
	"testing"
)

func TestAPanicIsAnEndWhereTheRuntimeWroteItsStack(t *testing.T) {
	const (
		at       = "2026/11/20 09:00:00 GET /a took 12 ms and so on\n"
		bounds   = "panic: runtime error: index out of range [5] with length 3\n"
		null     = "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x8a61f2]\n"
		again    = "panic: boom [recovered]\n\tpanic: boom\n"
		header   = "\ngoroutine 22807 [running]:\n"
		frame    = "example.com/blog/internal/feed.(*Builder).Build(0xc000012345, {0x1, 0x2})\n\t/src/internal/feed/builder.go:97 +0x232\n"
		created  = "created by net/http.(*Server).Serve in goroutine 1\n\t/usr/local/go/src/net/http/server.go:3285 +0x4b4\n"
		debug    = "runtime/debug.Stack()\n\t/usr/local/go/src/runtime/debug/stack.go:24 +0x5e\n"
		paniced  = "panic({0x6b5a40?, 0xc0000182b8?})\n\t/usr/local/go/src/runtime/panic.go:770 +0x132\n"
		anything = "2026/11/20 09:00:20 GET /a took 12 ms and so on\n"
	)
	prefixed := func(name, text string) string {
		var b strings.Builder
		for line := range strings.Lines(text) {
			b.WriteString(name + "  | " + line)
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		text   string
		final  int
		logged bool // by the application
	}{
		"a signal":                             {text: at + null + header + frame, final: 1},
		"a goroutine of its own":               {text: at + bounds + header + frame + created, final: 1},
		"a long stack":                         {text: at + bounds + header + strings.Repeat(frame, 9), final: 1},
		"of main":                              {text: at + bounds + header + "main.main()\n\t/src/main.go:4 +0x25\nexit status 2\n", final: 1},
		"another goroutine's stack follows":    {text: at + bounds + header + frame + "\ngoroutine 5 [select]:\n" + frame, final: 1},
		"recovered and made again":             {text: at + again + header + paniced + frame, final: 1},
		"a handler that writes its stack":      {text: at + bounds + header + debug + frame + paniced + frame, final: 0},
		"a handler that has the stack written": {text: at + bounds + header + frame + frame + paniced + strings.Repeat(frame, 5), final: 0},
		"without a stack":                      {text: at + bounds + anything + strings.Repeat("chatter and more of it\n", 9), final: 0},
		"a stack of something else, later":     {text: at + bounds + strings.Repeat("chatter and more of it\n", 80) + header + strings.Repeat(frame, 9), final: 0},
		"a stack cut short":                    {text: at + bounds + header + frame, final: 0},
		"twice":                                {text: at + null + header + frame + anything + null + header + frame, final: 2},
		"with a name before each line":         {text: prefixed("web-1", "2026-11-20T09:00:00Z "+bounds+header+frame+created), final: 1},
		"beside another's chatter":             {text: prefixed("web-1", "2026-11-20T09:00:00Z "+bounds+header) + prefixed("web-2", strings.Repeat("chatter and more of it\n", 5)+debug) + prefixed("web-1", frame+created), final: 1},
		"recovered and logged":                 {text: "2026/11/20 08:59:00 listening on :8080\n2026/11/20 09:00:01 " + bounds + strings.Repeat(frame, 9), logged: true},
		"beside another's stack":               {text: prefixed("web-1", "2026-11-20T09:00:00Z "+bounds) + prefixed("web-2", header+strings.Repeat(frame, 9)), final: 0},
	} {
		t.Run(name, func(t *testing.T) {
			sink := readLog(t, c.text, 1)
			final := 0
			for _, x := range sink.Crashes {
				if x.Final {
					final++
				}
				if x.Time == 0 || !strings.HasPrefix(x.Text, "panic: ") {
					t.Errorf("%+v", x)
				}
			}
			if len(sink.Crashes) == final && !c.logged || final != c.final || c.logged && len(sink.Crashes) > 0 {
				t.Errorf("%d of %d are of an end, want %d", final, len(sink.Crashes), c.final)
			}
		})
	}
}
