package header

import (
	"bytes"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/stamp"
)

// Nest takes apart what the logger of NestJS puts before what it is told:
//
//	[Nest] 2647  - 11/24/2026, 4:06:03 PM     LOG [RouterExplorer] Mapped {/cats, GET} route
//
// "Nest" is a prefix that an application may choose. rest begins with the level. Source: github.com/nestjs/nest
// packages/common/services/console-logger.service.ts.
func Nest(b []byte) (at stamp.Stamp, rest []byte, ok bool) {
	_, rest, ok = cut.Bracketed(b)
	if !ok {
		return at, nil, false
	}
	pid, rest := cut.Word(bytes.TrimLeft(rest, " "))
	rest, dashed := bytes.CutPrefix(bytes.TrimLeft(rest, " "), []byte("- "))
	if !dashed || !number.IsDigits(pid) {
		return at, nil, false
	}
	if at, ok = stamp.ReadUS(rest); !ok {
		return at, nil, false
	}
	return at, bytes.TrimLeft(rest[at.N:], " "), true
}
