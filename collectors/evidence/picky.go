package evidence

import (
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/pieces"
)

// pickiness tells, of the formats of a chain, which may take a line by the short texts that stand in it, see format.Picky. Most lines of
// chatter hold none, and are spared most parsers.
type pickiness struct {
	set     *pieces.Set
	formats []pickyFormat // by their place in the chain
}

type pickyFormat struct {
	needs  pieces.Found     // one of these
	amid   format.Gathering // its parser, where it is one
	always bool             // any line may be its own
}

// newPickiness finds what the formats of a chain need.
func newPickiness(chain []format.LineFormat) pickiness {
	var all []string
	for _, f := range chain {
		if f, ok := f.(format.Picky); ok {
			all = append(all, f.Needs()...)
		}
	}
	return pickiness{set: pieces.New(all...)}
}

// add is for the next format that is asked about lines, and its parser.
func (p *pickiness) add(f format.LineFormat, parser format.LineParser) {
	k := pickyFormat{always: true}
	if f, ok := f.(format.Picky); ok {
		needs, all := p.set.Of(f.Needs()...)
		k.needs, k.always = needs, !all
		k.amid, _ = parser.(format.Gathering)
	}
	p.formats = append(p.formats, k)
}

// in finds what stands in a line.
func (p *pickiness) in(line []byte) pieces.Found { return p.set.In(line) }

// may reports whether a line in which some pieces were found may be one of the i-th format.
func (p *pickiness) may(i int, found pieces.Found) bool {
	f := &p.formats[i]
	return f.always || f.needs&found != 0 || f.amid != nil && f.amid.Gathers()
}
