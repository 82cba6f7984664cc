// Package config reads the one YAML file that lastcall takes. It is strict: an unknown key, a wrong value or a missing name is
// an error that points at the line, because a watch that silently checks less than was meant is worse than none.
package config

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"lastcall/analyze/finding"
	"lastcall/cmd/internal/units"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

//go:embed lastcall.example.yaml
var example []byte

// Example returns a config file with every key, documented.
func Example() []byte { return bytes.Clone(example) }

// Config is the file. Every key is optional but services with their names. Relative paths are relative to the file.
type Config struct {
	// Path is where it was read from.
	Path string `yaml:"-"`

	Version   int       `yaml:"version"`
	Timezone  Zone      `yaml:"timezone"`
	State     string    `yaml:"state"`
	Reports   string    `yaml:"reports"`
	FailOn    Grade     `yaml:"fail_on"`
	Window    Duration  `yaml:"window"`
	Horizon   Duration  `yaml:"horizon"`
	Remind    Duration  `yaml:"remind"`
	Retries   *int      `yaml:"retries"`
	MaxCalls  int       `yaml:"max_calls"`
	Wait      bool      `yaml:"wait"`
	Heartbeat Endpoint  `yaml:"heartbeat"`
	Webhook   Endpoint  `yaml:"webhook"`
	Datadog   Datadog   `yaml:"datadog"`
	Services  []Service `yaml:"services"`
}

// Service is one service to look at.
type Service struct {
	Name     string   `yaml:"name"`
	Env      string   `yaml:"env"`
	Limit    Bytes    `yaml:"limit"`
	Window   Duration `yaml:"window"`
	FailOn   Grade    `yaml:"fail_on"`
	Planned  []Span   `yaml:"planned"`
	Paths    []string `yaml:"paths"`
	Pprof    []Text   `yaml:"pprof"`
	Datadog  *bool    `yaml:"datadog"`
	Profiles bool     `yaml:"profiles"`
	MaxCalls int      `yaml:"max_calls"`
	// RelatedServices are services whose logs tell of the same containers.
	RelatedServices []string `yaml:"related_services"`
}

// Endpoint is a URL that is called when a night is over.
type Endpoint struct {
	URL     Text     `yaml:"url"`
	Timeout Duration `yaml:"timeout"`
}

// Datadog is how to reach Datadog and what things are called there. Empty values are found out.
type Datadog struct {
	Site         string            `yaml:"site"`
	URL          Text              `yaml:"url"`
	ContainerTag string            `yaml:"container_tag"`
	Metrics      map[string]string `yaml:"metrics"`
	Attributes   map[string]string `yaml:"attributes"`
}

// Error is a mistake in the file, with its place.
type Error struct {
	Path         string
	Line, Column int // 1-based; 0 when the place is not known
	Message      string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.Path, e.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Column, e.Message)
}

// Load reads and checks a file.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("config %s: there is no such file; `lastcall nightly --example > lastcall.yaml` writes one to start from", path)
		}
		return nil, fmt.Errorf("config: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1)) // a device has no end
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return Parse(data, path)
}

// Parse checks the content of a file; path is for messages and for relative paths.
func Parse(data []byte, path string) (config *Config, err error) {
	defer func() {
		// The YAML package panics on some input that is none ("services: !0 0", found by fuzzing).
		if p := recover(); p != nil {
			config, err = nil, &Error{path, 0, 0, fmt.Sprintf("the file is no YAML that can be read (%v)", p)}
		}
	}()
	file, err := bounded(data, path)
	if err != nil {
		return nil, err
	}
	c := &Config{Path: path}
	dec := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict())
	if err := dec.Decode(c); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &Error{path, 0, 0, "the file is empty; `lastcall nightly --example` prints one to start from"}
		}
		return nil, placed(err, path)
	}
	var more any
	if err := dec.Decode(&more); err == nil && more != nil {
		return nil, &Error{path, 0, 0, "the file holds more than one YAML document; only one is taken"}
	}
	if err := c.check(func(yamlPath, message string) error {
		line, column := place(file, yamlPath)
		return &Error{path, line, column, message}
	}); err != nil {
		return nil, err
	}
	return c, nil
}

// placed gives an error of the YAML package the form of [Error]. The package can quote the source around the error; that is
// left out, for a URL in it may hold a key.
func placed(err error, path string) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.Path = path
		return e
	}
	var ye yaml.Error
	if !errors.As(err, &ye) {
		return &Error{path, 0, 0, err.Error()}
	}
	out := &Error{Path: path, Message: ye.GetMessage()}
	if t := ye.GetToken(); t != nil && t.Position != nil {
		out.Line, out.Column = t.Position.Line, t.Position.Column
	}
	if _, ok := errors.AsType[*yaml.UnknownFieldError](err); ok {
		out.Message += "; `lastcall nightly --example` shows every key"
	}
	return out
}

func place(file *ast.File, yamlPath string) (line, column int) {
	for yamlPath != "" {
		if p, err := yaml.PathString(yamlPath); err == nil {
			if n, err := p.FilterFile(file); err == nil && n != nil && n.GetToken() != nil && n.GetToken().Position != nil {
				pos := n.GetToken().Position
				return pos.Line, pos.Column
			}
		}
		// The key is not there: point at what should hold it.
		i := strings.LastIndexAny(yamlPath, ".[")
		if i <= 0 {
			break
		}
		yamlPath = yamlPath[:i]
	}
	return 1, 1
}

func (c *Config) check(fail func(yamlPath, message string) error) error {
	if c.Version != 1 {
		if c.Version > 1 {
			return fail("$.version", fmt.Sprintf("version %d is newer than this lastcall knows (1); update lastcall", c.Version))
		}
		return fail("$.version", "begin the file with `version: 1`")
	}
	if len(c.Services) == 0 {
		return fail("$.services", "there is nothing to watch: list at least one service, with its name")
	}
	seen := map[string]int{}
	for i, s := range c.Services {
		at := fmt.Sprintf("$.services[%d]", i)
		if strings.TrimSpace(s.Name) == "" {
			return fail(at, "this service has no name")
		}
		if first, ok := seen[s.ID()]; ok {
			return fail(at+".name", fmt.Sprintf("the service %q is listed twice (also as number %d); give one of them another env", s.ID(), first+1))
		}
		seen[s.ID()] = i
		for j, u := range s.Pprof {
			if err := checkURL(string(u)); err != nil {
				return fail(fmt.Sprintf("%s.pprof[%d]", at, j), err.Error())
			}
		}
		if s.MaxCalls < 0 {
			return fail(at+".max_calls", "a number of calls cannot be negative")
		}
	}
	for _, e := range []struct {
		key string
		url Text
	}{{"$.heartbeat.url", c.Heartbeat.URL}, {"$.webhook.url", c.Webhook.URL}, {"$.datadog.url", c.Datadog.URL}} {
		if err := checkURL(string(e.url)); err != nil {
			return fail(e.key, err.Error())
		}
	}
	if c.MaxCalls < 0 {
		return fail("$.max_calls", "a number of calls cannot be negative")
	}
	if c.Retries != nil && (*c.Retries < 0 || *c.Retries > 10) {
		return fail("$.retries", "retries must lie between 0 and 10")
	}
	return nil
}

var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

func checkURL(s string) error {
	if s == "" || variable.MatchString(s) {
		return nil // what the variable holds is checked when it is used
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("this is not an http or https URL")
	}
	return nil
}

// ID names a service: "api", or "api/production".
func (s Service) ID() string {
	if s.Env == "" {
		return s.Name
	}
	return s.Name + "/" + s.Env
}

// Abs makes a path of the file absolute to the folder of the config file.
func (c *Config) Abs(path string) string {
	if path == "" || path == "-" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.Path), path)
}

// Select returns the services of a name and an env, each when it is given. A service that is listed without an env is not that of
// any env in particular.
func (c *Config) Select(name, env string) []Service {
	var found []Service
	for _, s := range c.Services {
		if (name == "" || s.Name == name) && (env == "" || s.Env == env) {
			found = append(found, s)
		}
	}
	return found
}

// Pick finds the one service that flags ask about: the one that is listed so, else the only one that may be meant. Without a name, a
// file with one service means that one; a service that is listed without an env serves for any.
func (c *Config) Pick(name, env string) (Service, bool) {
	found := c.Select(name, env)
	if i := slices.IndexFunc(found, func(s Service) bool { return s.Name == name && s.Env == env }); i >= 0 {
		return found[i], true
	}
	if env != "" {
		found = append(found, slices.DeleteFunc(c.Select(name, ""), func(s Service) bool { return s.Env != "" })...)
	}
	if len(found) != 1 {
		return Service{}, false
	}
	return found[0], true
}

// Text is a string in which ${NAME} stands for an environment variable, so that no secret need be in the file.
type Text string

// Expand puts the variables in. A variable that is not set is an error: half a URL helps nobody.
func (t Text) Expand(env func(string) string) (string, error) {
	var missing []string
	out := variable.ReplaceAllStringFunc(string(t), func(m string) string {
		name := m[2 : len(m)-1]
		v := env(name)
		if v == "" && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
		return v
	})
	if len(missing) > 0 {
		return "", &UnsetError{missing}
	}
	return out, nil
}

// UnsetError names variables of the environment that a [Text] needs and that are not set.
type UnsetError struct{ Names []string }

func (e *UnsetError) Error() string {
	return fmt.Sprintf("the environment variable %s is not set", strings.Join(e.Names, ", "))
}

// Duration is an age such as 90s, 3h, 2d. Zero means not given.
type Duration time.Duration

// UnmarshalYAML reads it.
func (d *Duration) UnmarshalYAML(n ast.Node) error {
	v, err := units.Age(scalar(n))
	if err != nil {
		return at(n, err)
	}
	*d = Duration(v)
	return nil
}

// Or returns d, or def when it was not given.
func (d Duration) Or(def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return time.Duration(d)
}

// Bytes is a memory size such as 512MB. Zero means not given.
type Bytes int64

// UnmarshalYAML reads it.
func (b *Bytes) UnmarshalYAML(n ast.Node) error {
	v, err := units.Bytes(scalar(n))
	if err != nil {
		return at(n, err)
	}
	*b = Bytes(v)
	return nil
}

// Grade is a threshold for findings. Empty means not given.
type Grade finding.Grade

// UnmarshalYAML reads it.
func (g *Grade) UnmarshalYAML(n ast.Node) error {
	v, err := ParseGrade(scalar(n))
	if err != nil {
		return at(n, err)
	}
	*g = Grade(v)
	return nil
}

// Never is the threshold that nothing reaches.
const Never finding.Grade = "never"

// Thresholds are what can be a threshold for findings: the grades from the lowest on, and [Never].
func Thresholds() []string {
	return []string{string(finding.Insufficient), string(finding.Possible), string(finding.Likely), string(finding.Conclusive), string(Never)}
}

// OneOf lists words as a sentence does: "a, b or c".
func OneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// ParseGrade reads a threshold, one of [Thresholds].
func ParseGrade(s string) (finding.Grade, error) {
	if list := Thresholds(); !slices.Contains(list, strings.ToLower(s)) {
		return "", fmt.Errorf("%q is no grade; use %s", s, OneOf(list))
	}
	return finding.Grade(strings.ToLower(s)), nil
}

// Zone is a time zone by its IANA name. The zero value means not given.
type Zone struct{ Location *time.Location }

// UnmarshalYAML reads it.
func (z *Zone) UnmarshalYAML(n ast.Node) error {
	loc, err := ParseZone(scalar(n))
	if err != nil {
		return at(n, err)
	}
	z.Location = loc
	return nil
}

// ParseZone finds a time zone: an IANA name, "UTC", or "local".
func ParseZone(name string) (*time.Location, error) {
	if strings.EqualFold(name, "local") {
		return time.Local, nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil || name == "" {
		return nil, fmt.Errorf("%q is no time zone; use a name such as Europe/Paris, UTC or local", name)
	}
	return loc, nil
}

// Span is a planned window. It is kept as text, because clock times depend on the time zone, which may come from elsewhere.
type Span string

// UnmarshalYAML reads it.
func (s *Span) UnmarshalYAML(n ast.Node) error {
	if _, err := units.ParseSpan(scalar(n), time.Unix(0, 0), time.UTC); err != nil {
		return at(n, err)
	}
	*s = Span(scalar(n))
	return nil
}

// scalar is the text of a node as it was written: 512MB, 1:30 and 24 alike.
func scalar(n ast.Node) string {
	if s, ok := n.(*ast.StringNode); ok {
		return s.Value
	}
	if n.GetToken() != nil {
		return n.GetToken().Value
	}
	return n.String()
}

func at(n ast.Node, err error) error {
	e := &Error{Message: err.Error()}
	if t := n.GetToken(); t != nil && t.Position != nil {
		e.Line, e.Column = t.Position.Line, t.Position.Column
	}
	return e
}
