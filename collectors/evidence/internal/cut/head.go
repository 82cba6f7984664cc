package cut

import (
	"bytes"
	"strings"
)

// LooksBinary reports whether the head is no text: NULs or many control characters.
func LooksBinary(head []byte) bool {
	control := 0
	for _, c := range head {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != 0x1b && c != '\f' {
			control++
		}
	}
	return control*50 > len(head)
}

// PlainHead is a head of text without colours, as its lines are read.
func PlainHead(head []byte) []byte {
	if bytes.IndexByte(head, 0x1b) < 0 || LooksBinary(head) {
		return head
	}
	return AppendPlain(nil, head)
}

// HasColumns reports whether a header has the words in their order, others between them.
func HasColumns(header []string, words string) bool {
	for want := range strings.FieldsSeq(words) {
		found := false
		for len(header) > 0 && !found {
			found, header = header[0] == want, header[1:]
		}
		if !found {
			return false
		}
	}
	return true
}

// FirstText is the first line of a head that holds anything.
func FirstText(head []byte) []byte { return FirstLine(bytes.TrimLeft(head, " \t\r\n")) }
