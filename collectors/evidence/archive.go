package evidence

import (
	"archive/tar"
	"archive/zip"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"strings"

	"lastcall/collectors/internal/lines"
)

// Archives are read in place: nothing is unpacked, so that no name in them can reach outside. Members are read like files of a
// folder; links and special members are left out.

const (
	maxMembers = 100_000 // of an archive, to be read
	maxNesting = 2       // of archives in archives
)

const hintArchive = "unpack the archive and name the folder"

func isTar(head []byte) bool {
	return len(head) >= 262 && string(head[257:262]) == "ustar"
}

// archive reads a zip archive; done is false when the file is none.
func (r *run) archive(ctx context.Context, in input, f *os.File) (done bool, err error) {
	if in.size < 22 {
		return false, nil
	}
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0); err != nil || string(magic[:]) != "PK\x03\x04" {
		return false, nil
	}
	z, err := zip.NewReader(f, in.size)
	if err != nil {
		return true, r.problem(in.name, err, "the zip archive is damaged; "+hintArchive, "unreadable")
	}
	if len(z.File) > maxMembers {
		return true, r.problem(in.name, errors.New("it has more than 100 000 members"), hintArchive, "unreadable")
	}
	for _, m := range z.File {
		if !m.Mode().IsRegular() || !memberWanted(m.Name) {
			continue
		}
		name := in.name + "!" + m.Name
		body, err := m.Open()
		if err != nil {
			if err := r.problem(name, err, hintArchive, "unreadable"); err != nil {
				return true, err
			}
			continue
		}
		err = r.stream(ctx, name, body)
		body.Close()
		if err != nil {
			return true, err
		}
	}
	r.read += in.size
	return true, nil
}

// tar reads a tar archive, which was decompressed already.
func (r *run) tar(ctx context.Context, name string, in *lines.Reader) error {
	if strings.Count(name, "!") >= maxNesting {
		return r.problem(name, errors.New("archives are nested too deeply"), hintArchive, "unreadable")
	}
	t := tar.NewReader(in)
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || n >= maxMembers {
			if err == nil {
				err = errors.New("it has more than 100 000 members")
			}
			return r.problem(name, err, "what came before was used; "+hintArchive, "unreadable")
		}
		if h.Typeflag != tar.TypeReg || !memberWanted(h.Name) {
			continue
		}
		if err := r.stream(ctx, name+"!"+h.Name, t); err != nil {
			return err
		}
	}
}

// memberWanted leaves out hidden members, and what some systems add to archives.
func memberWanted(name string) bool {
	for part := range strings.SplitSeq(path.Clean(name), "/") {
		if strings.HasPrefix(part, ".") && part != "." && part != ".." || part == "__MACOSX" {
			return false
		}
	}
	return true
}
