package lines

import (
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// sniffUTF16 recognises UTF-16 by its byte order mark, or without one by text whose every other byte is zero. It returns the
// length of the mark.
func sniffUTF16(head []byte) (bigEndian bool, bom int, ok bool) {
	if len(head) >= 2 {
		switch {
		case head[0] == 0xfe && head[1] == 0xff:
			return true, 2, true
		case head[0] == 0xff && head[1] == 0xfe:
			return false, 2, true
		}
	}
	if len(head) < 16 {
		return false, 0, false
	}
	// Latin text in UTF-16 has its zeros in one half of the bytes and hardly any in the other.
	n := min(len(head), 1024) &^ 1
	var zeros [2]int
	for i := range n {
		if head[i] == 0 {
			zeros[i&1]++
		}
	}
	half := n / 2
	switch {
	case zeros[0] > half*9/10 && zeros[1] == 0:
		return true, 0, true
	case zeros[1] > half*9/10 && zeros[0] == 0:
		return false, 0, true
	}
	return false, 0, false
}

// utf16Reader converts UTF-16 to UTF-8; what is no valid pair becomes U+FFFD.
type utf16Reader struct {
	src       io.Reader
	bigEndian bool
	odd       func() // called once when the input ends within a character

	in   [32 << 10]byte
	n    int // bytes in the buffer in
	out  []byte
	rest []byte
	eof  bool
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.rest) == 0 {
		if u.eof {
			return 0, io.EOF
		}
		u.fill()
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}

func (u *utf16Reader) fill() {
	m, err := u.src.Read(u.in[u.n:])
	u.n += m
	u.eof = err != nil
	out := u.out[:0]
	i := 0
	for i+2 <= u.n {
		r := rune(u.unit(i))
		size := 2
		if utf16.IsSurrogate(r) {
			if i+4 > u.n && !u.eof {
				break // the other half is still to come
			}
			pair := utf8.RuneError
			if i+4 <= u.n {
				pair = utf16.DecodeRune(r, rune(u.unit(i+2)))
			}
			if pair != utf8.RuneError {
				size = 4
			}
			r = pair
		}
		out = utf8.AppendRune(out, r)
		i += size
	}
	u.n = copy(u.in[:], u.in[i:u.n])
	if u.eof && u.n > 0 {
		u.odd()
		u.n = 0
	}
	u.out, u.rest = out, out
}

func (u *utf16Reader) unit(i int) uint16 {
	if u.bigEndian {
		return uint16(u.in[i])<<8 | uint16(u.in[i+1])
	}
	return uint16(u.in[i+1])<<8 | uint16(u.in[i])
}
