package jsondoc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
)

// maxElement bounds one element of a JSON array, as lines are bounded.
const maxElement = 16 << 20

// EachElement calls f with each element of the array under key in a JSON document ({"data":[…]}), or of the document itself when
// that is an array, one at a time. Elements are numbered from 1 and passed as they stand, blanks included. The document's other
// members are skipped without being understood, and elements are cut at their brackets only: f finds out whether they are valid.
func EachElement(ctx context.Context, r io.Reader, key string, f func(i int64, element []byte) error) error {
	s := &elementScan{r: bufio.NewReaderSize(r, 64<<10)}
	c, err := s.blank()
	if err != nil {
		return s.early(err)
	}
	if c == '{' {
		if err := s.findKey(key); err != nil {
			return err
		}
		if c, err = s.blank(); err != nil {
			return s.early(err)
		}
	}
	if c != '[' {
		return fmt.Errorf("the document has no array of %q near byte %d", key, s.offset)
	}
	for i := int64(1); ; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := s.blank()
		if err != nil {
			return s.early(err)
		}
		if c == ',' {
			i--
			continue
		}
		if c == ']' {
			return nil
		}
		s.buf = append(s.buf[:0], c)
		if err := s.value(c, true); err != nil {
			return err
		}
		if err := f(i, s.buf); err != nil {
			return err
		}
	}
}

type elementScan struct {
	r      *bufio.Reader
	offset int64
	buf    []byte
}

var errTooLongElement = errors.New("an element of the document is longer than 16 MiB")

func (s *elementScan) early(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("the JSON document ends early, at byte %d: %w", s.offset, err)
}

func (s *elementScan) next() (byte, error) {
	c, err := s.r.ReadByte()
	if err == nil {
		s.offset++
	}
	return c, err
}

// blank returns the first byte that is not blank.
func (s *elementScan) blank() (byte, error) {
	for {
		c, err := s.next()
		if err != nil || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, err
		}
	}
}

// value reads the rest of a value that begins with c, into buf when keep is set.
func (s *elementScan) value(c byte, keep bool) error {
	depth := 0
	quoted := false
	for {
		switch {
		case quoted:
			quoted = c != '"'
			if c == '\\' {
				var err error
				if c, err = s.next(); err != nil {
					return s.early(err)
				}
				if keep {
					s.buf = append(s.buf, c)
				}
			}
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth <= 0 && !quoted {
			// Strings, objects and arrays end here; numbers and words where something else begins.
			if c == '"' || c == '}' || c == ']' {
				return nil
			}
			peek, err := s.r.Peek(1)
			if err != nil {
				return s.early(err)
			}
			switch peek[0] {
			case ',', ']', '}', ' ', '\n', '\r', '\t':
				return nil
			}
		}
		var err error
		if c, err = s.next(); err != nil {
			return s.early(err)
		}
		if keep {
			if len(s.buf) >= maxElement {
				return errTooLongElement
			}
			s.buf = append(s.buf, c)
		}
	}
}

// findKey reads members of an object after its '{' up to the ':' of key.
func (s *elementScan) findKey(key string) error {
	for {
		c, err := s.blank()
		if err != nil {
			return s.early(err)
		}
		switch c {
		case ',':
			continue
		case '}':
			return fmt.Errorf("the document has no %q", key)
		case '"':
		default:
			return fmt.Errorf("the JSON document is broken near byte %d", s.offset)
		}
		s.buf = s.buf[:0]
		if err := s.value('"', true); err != nil {
			return err
		}
		found := len(s.buf) == len(key)+1 && string(s.buf[:len(key)]) == key
		if c, err = s.blank(); err != nil {
			return s.early(err)
		}
		if c != ':' {
			return fmt.Errorf("the JSON document is broken near byte %d", s.offset)
		}
		if found {
			return nil
		}
		if c, err = s.blank(); err != nil {
			return s.early(err)
		}
		if err := s.value(c, false); err != nil {
			return err
		}
	}
}
