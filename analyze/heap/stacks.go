package heap

import (
	"fmt"
	"math/bits"
	"path"
	"slices"
	"strconv"

	"github.com/google/pprof/profile"
)

// frame is one function at one line of one stack.
type frame struct {
	fn   int32 // index into stacks.fns
	line int32
}

// function is one function as the profiles name it.
type function struct {
	name, file string
	code       codeKind
}

// stacks interns functions and call stacks, so that a series of profiles, which mostly repeat each other's stacks, costs its
// values only.
type stacks struct {
	fns    []function
	fnID   map[[2]string]int32
	list   [][]frame // by stack, innermost frame first; slices of blocks
	block  []frame   // the room left for frames
	kept   int       // frames in all
	byHash map[uint64]int32
	full   bool
}

// maxFrames bounds the frames kept (8 bytes each). Past it, stacks are no longer told apart beyond their innermost frames.
const maxFrames = 24 << 20

// maxDepth bounds one stack; runaway recursion gives thousands of frames, of which the outermost say where it began.
const maxDepth = 1024

const blockFrames = 16 << 10

func newStacks() *stacks {
	return &stacks{fnID: map[[2]string]int32{}, byHash: map[uint64]int32{}}
}

func (s *stacks) function(name, file string) int32 {
	k := [2]string{name, file}
	id, ok := s.fnID[k]
	if !ok {
		id = int32(len(s.fns))
		s.fns = append(s.fns, function{name: name, file: file})
		s.fnID[k] = id
	}
	return id
}

// stack returns the id of a stack given innermost first.
func (s *stacks) stack(fs []frame) int32 {
	if len(fs) > maxDepth {
		fs = append(slices.Clone(fs[:maxDepth/2]), fs[len(fs)-maxDepth/2:]...)
	}
	if s.full && len(fs) > 4 {
		fs = fs[:4]
	}
	h := uint64(len(fs))
	for _, f := range fs { // multiply and fold; stacks that collide are told apart below
		hi, lo := bits.Mul64(h^uint64(uint32(f.fn))<<32^uint64(uint32(f.line)), 0x9e3779b97f4a7c15)
		h = hi ^ lo
	}
	// Open addressing over the hash space: a collision moves on to the next key.
	for k := h; ; k++ {
		id, ok := s.byHash[k]
		if !ok {
			id = int32(len(s.list))
			s.list = append(s.list, s.keep(fs))
			s.byHash[k] = id
			s.full = s.full || s.kept > maxFrames
			return id
		}
		if slices.Equal(s.of(id), fs) {
			return id
		}
	}
}

// keep copies frames into a block: one slice for all would be copied again and again as it grows.
func (s *stacks) keep(fs []frame) []frame {
	if len(fs) > len(s.block) {
		s.block = make([]frame, max(blockFrames, len(fs)))
	}
	out := s.block[:len(fs):len(fs)]
	copy(out, fs)
	s.block = s.block[len(fs):]
	s.kept += len(fs)
	return out
}

// of returns the frames of a stack, innermost first. The slice must not be changed.
func (s *stacks) of(id int32) []frame { return s.list[id] }

func (s *stacks) len() int { return len(s.list) }

// resolver turns the locations of one profile into frames. It renumbers the locations, so the profile is of no other use after.
type resolver struct {
	s     *stacks
	locs  [][]frame // by location, whose id is its index here
	funcs map[*profile.Function]int32
	buf   []frame
}

func (s *stacks) resolver(p *profile.Profile) *resolver {
	r := &resolver{s: s, locs: make([][]frame, len(p.Location)), funcs: make(map[*profile.Function]int32, len(p.Function))}
	for i, l := range p.Location {
		r.locs[i] = r.location(l)
		l.ID = uint64(i)
	}
	return r
}

func (r *resolver) location(l *profile.Location) []frame {
	fs := make([]frame, 0, max(1, len(l.Line)))
	for _, ln := range l.Line {
		if ln.Function == nil {
			continue
		}
		id, ok := r.funcs[ln.Function]
		if !ok {
			name := ln.Function.Name
			if name == "" {
				name = ln.Function.SystemName
			}
			if name == "" {
				name = "(anonymous)"
			}
			id = r.s.function(name, cleanFile(ln.Function.Filename))
			r.funcs[ln.Function] = id
		}
		fs = append(fs, frame{fn: id, line: clamp32(ln.Line)})
	}
	if len(fs) == 0 { // not symbolized
		name := "0x" + strconv.FormatUint(l.Address, 16)
		if l.Mapping != nil && l.Mapping.File != "" {
			name = fmt.Sprintf("%s+0x%x", path.Base(l.Mapping.File), l.Address-l.Mapping.Start+l.Mapping.Offset)
		}
		fs = append(fs, frame{fn: r.s.function(name, "")})
	}
	return fs
}

// frames returns the frames of a sample, innermost first; the slice is valid until the next call.
func (r *resolver) frames(s *profile.Sample) []frame {
	r.buf = r.buf[:0]
	for _, l := range s.Location {
		r.buf = append(r.buf, r.locs[l.ID]...)
	}
	return r.buf
}

func clamp32(v int64) int32 { return int32(min(max(v, 0), 1<<31-1)) }
