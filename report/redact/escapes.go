package redact

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// hiding finds escapes of JSON that may hide a part of what is looked for: a slash, and a character by its number. JSON within JSON has
// more backslashes.
var hiding = regexp.MustCompile(`\\+(?:/|u[0-9A-Fa-f]{4})`)

// unhide puts what they stand for in the place of such escapes. What ends a text or an escape stays escaped, and what is no character,
// or is not to be seen, is a blank.
func unhide(s string) string {
	if !strings.Contains(s, `\/`) && !strings.Contains(s, `\u`) {
		return s
	}
	return hiding.ReplaceAllStringFunc(s, func(v string) string {
		if v[len(v)-1] == '/' {
			return "/"
		}
		code, _ := strconv.ParseUint(v[len(v)-4:], 16, 16) // four digits, as found
		switch r := rune(code); {
		case r == '"' || r == '\\':
			return `\` + string(r)
		case utf16.IsSurrogate(r):
			return v
		case !unicode.IsPrint(r):
			return " "
		default:
			return string(r)
		}
	})
}

// escapeEnd stands behind escapes of blanks while a text is masked: JSON is quoted as it was written, and "\n4111" is a number behind the
// end of a line, not a word that begins with n. It is of the private use, and no part of a word.
const escapeEnd = '\uf8f2'

var (
	mark   = strings.NewReplacer(`\n`, `\n`+string(escapeEnd), `\b`, `\b`+string(escapeEnd), `\f`, `\f`+string(escapeEnd), `\r`, `\r`+string(escapeEnd), `\t`, `\t`+string(escapeEnd))
	unmark = strings.NewReplacer(string(escapeEnd), "")
)
