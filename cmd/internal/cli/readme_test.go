package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// block is one fenced block of the README.
type block struct {
	lang string
	line int
	text string
}

func readme(t *testing.T) []block {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var out []block
	var cur *block
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case cur == nil && strings.HasPrefix(line, "```"):
			cur = &block{lang: strings.TrimPrefix(line, "```"), line: i + 1}
		case cur != nil && line == "```":
			out = append(out, *cur)
			cur = nil
		case cur != nil:
			cur.text += line + "\n"
		}
	}
	return out
}

// TestTheReadmeShowsWhatHappens runs every "$ command" of the README's console blocks and compares what it prints with what
// the README says it prints; see like for "…".
func TestTheReadmeShowsWhatHappens(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the README's commands are for a POSIX shell")
	}
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The test binary is lastcall when it is called by that name; see TestMain.
	if err := os.Symlink(self, filepath.Join(bin, "lastcall")); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, b := range readme(t) {
		if b.lang != "console" {
			continue
		}
		for _, part := range strings.Split("\n"+b.text, "\n$ ")[1:] {
			command, want, _ := strings.Cut(part, "\n")
			if !strings.Contains(command, "lastcall") {
				continue
			}
			ran++
			t.Run(command, func(t *testing.T) {
				cmd := exec.Command("sh", "-c", command)
				cmd.Dir = root(t)
				cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "NO_COLOR=1",
					"DD_API_KEY=", "DD_APP_KEY=", "DATADOG_API_KEY=", "DATADOG_APP_KEY=", "COLUMNS=")
				var out, errOut bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &errOut
				if err := cmd.Run(); err != nil {
					t.Fatalf("README line %d: %v\n%s", b.line, err, errOut.String())
				}
				if want := strings.TrimSpace(want); want != "" && !like(out.String(), want) {
					t.Errorf("README line %d (-README +printed)\n%s", b.line, cmp.Diff(want, strings.TrimSpace(out.String())))
				}
			})
		}
	}
	if ran == 0 {
		t.Error("the README shows no command in a console block")
	}
}

// like reports whether got is want, where a line "…" of want stands for any lines, and "…" within a line for any text.
func like(got, want string) bool {
	parts := strings.Split("\n"+strings.TrimSpace(want)+"\n", "\n…\n")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(regexp.QuoteMeta(p), "…", `[^\n]*`)
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, `\n(?:.*\n)?`) + `\z`).MatchString("\n" + strings.TrimSpace(got) + "\n")
}

// TestTheReadmesCommandsExist parses every lastcall command in the README's shell blocks: a flag or command that was renamed
// must not live on there.
func TestTheReadmesCommandsExist(t *testing.T) {
	command := regexp.MustCompile(`(?:^|[|;&]\s*|\s)lastcall((?:\s+[^|;&#<>\n]+)?)`)
	for _, b := range readme(t) {
		switch b.lang {
		case "sh", "bash", "console", "yaml":
		default:
			continue
		}
		for line := range strings.Lines(b.text) {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "#") {
				continue
			}
			for _, m := range command.FindAllStringSubmatch(line, -1) {
				args := strings.Fields(strings.ReplaceAll(m[1], `"`, ""))
				if b.lang == "console" && !strings.HasPrefix(line, "$") || len(args) == 0 {
					continue
				}
				a := newApp(System{Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}, Env: func(string) string { return "" }})
				cmd, rest, err := newRoot(a).Find(args)
				if err != nil || cmd.Name() == "lastcall" && !strings.HasPrefix(args[0], "-") {
					if b.lang == "yaml" {
						continue // a file or key called lastcall
					}
					t.Errorf("README line %d: %q is no command (%v)", b.line, args[0], err)
					continue
				}
				if err := cmd.ParseFlags(rest); err != nil && !strings.Contains(err.Error(), "help requested") {
					t.Errorf("README line %d: %s: %v", b.line, line, err)
				}
			}
		}
	}
}
