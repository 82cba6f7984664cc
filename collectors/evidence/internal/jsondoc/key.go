package jsondoc

import "bytes"

// HasKey reports whether a JSON text has a key with a value that begins so, whatever blanks stand between.
func HasKey(head []byte, key, value string) bool {
	for rest := head; ; {
		i := bytes.Index(rest, []byte(`"`+key+`"`))
		if i < 0 {
			return false
		}
		rest = bytes.TrimLeft(rest[i+len(key)+2:], " \t\r\n")
		if after, ok := bytes.CutPrefix(rest, []byte(":")); ok && bytes.HasPrefix(bytes.TrimLeft(after, " \t\r\n"), []byte(value)) {
			return true
		}
	}
}
