package jsonscan

import "bytes"

// Ref names a value of a line: a slot of its spec, or one of its tags, of which the i-th is FirstTag-i.
type Ref int16

const (
	// None names no value.
	None Ref = -1
	// FirstTag names the first of Scanner.Tags.
	FirstTag Ref = -2
)

// Place is where the lines of one shape have a value: at a step of the prediction, or nowhere, because it is the same in all of them.
type Place struct {
	Step    int // of Span; -1: all lines have Text
	Kind    Kind
	Escaped bool   // a string with escapes
	Text    []byte // of a tag what follows its key
}

// Raw is the value of the line that was predicted last, as it stands there.
func (v *Place) Raw(s *Scanner, line []byte) []byte {
	if v.Step < 0 {
		return v.Text
	}
	span := s.spans[v.Step]
	return line[span.Start:span.End:span.End]
}

// Places finds where the wanted values of the line stand that was just predicted. Of a slot that is set twice the last one counts.
// It is not ok when the shape does not tell all: when a value is empty, which another line may have, or a tag may be any.
func (s *Scanner) Places() (values map[Ref]Place, ok bool) {
	values = map[Ref]Place{}
	tag := FirstTag
	for k := range s.steps {
		e, kind, escaped := s.step(k)
		for _, c := range e.consts {
			v := Place{Step: -1, Kind: c.value.Kind, Escaped: c.value.Escaped, Text: e.piece[c.value.Start:c.value.End:c.value.End]}
			if c.slot >= 0 {
				values[Ref(c.slot)] = v
				continue
			}
			v.Text = v.Text[bytes.IndexByte(v.Text, ':')+1:]
			values[tag] = v
			tag--
		}
		v := Place{Step: k, Kind: kind, Escaped: escaped}
		switch {
		case !e.noted:
		case s.spans[k].Start == s.spans[k].End:
			return nil, false
		case e.slot >= 0:
			values[Ref(e.slot)] = v
		case e.text:
			if e.key == 0 {
				return nil, false
			}
			values[tag] = v
			tag--
		}
	}
	return values, true
}
