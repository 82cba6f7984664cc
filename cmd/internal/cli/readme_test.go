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

	"github.com/goccy/go-yaml"
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

// TestTheCIExamplesWork runs the lastcall commands of the README's GitHub Actions and GitLab CI examples and looks for the files
// that the examples hand on.
func TestTheCIExamplesWork(t *testing.T) {
	seen := 0
	for _, b := range readme(t) {
		if b.lang != "yaml" {
			continue
		}
		var doc map[string]any
		if err := yaml.UnmarshalWithOptions([]byte(b.text), &doc, yaml.Strict()); err != nil {
			t.Errorf("README line %d: %v", b.line, err)
			continue
		}
		var commands, handedOn []string
		var walk func(key string, v any)
		walk = func(key string, v any) {
			switch v := v.(type) {
			case map[string]any:
				for k, x := range v {
					walk(k, x)
				}
			case []any:
				for _, x := range v {
					walk(key, x)
				}
			case string:
				switch {
				case (key == "run" || key == "script") && strings.HasPrefix(v, "lastcall "):
					commands = append(commands, v)
				case key == "junit", (key == "path" || key == "paths") && !strings.HasPrefix(v, "."):
					handedOn = append(handedOn, strings.Fields(v)...)
				}
			}
		}
		walk("", doc)
		if len(commands) == 0 || len(handedOn) < 2 {
			t.Errorf("README line %d: commands %q, files handed on %q", b.line, commands, handedOn)
		}
		dir := t.TempDir()
		t.Chdir(dir)
		write(t, filepath.Join(dir, "platform.log"), platformLog)
		write(t, filepath.Join(dir, "lastcall.yaml"), "version: 1\nfail_on: never\nservices: [{name: api, paths: [platform.log]}]\n")
		for _, c := range commands {
			seen++
			if r := runIn(t, nil, strings.Fields(c)[1:]...); r.code != 4 { // a crash without requests: told, and not explained
				t.Errorf("README line %d: %s: exit %d\n%s%s", b.line, c, r.code, r.out, r.errOut)
			}
		}
		for _, f := range handedOn {
			if _, err := os.Stat(f); err != nil {
				t.Errorf("README line %d: %v", b.line, err)
			}
		}
		if _, err := os.Stat(filepath.Join(".lastcall", "state.json")); err != nil {
			t.Errorf("README line %d: the state that the example caches: %v", b.line, err)
		}
	}
	if seen < 2 {
		t.Errorf("%d commands in the CI examples, want those of GitHub and GitLab", seen)
	}
}
