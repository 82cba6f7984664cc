package intake

// Untimed is how many ends without a duration wait for their start.
func Untimed(s *Sink) int { return len(s.untimed) }

// SpokenText is the line as it is told.
func SpokenText(text []byte) []byte { return appendSpoken(nil, text) }

// ShapeOf is the shape by which a line is known again.
func ShapeOf(text []byte) uint64 { return shapeOf(text) }
