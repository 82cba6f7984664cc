package datadogtest

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// API is a published description, of which only what is asked for is parsed: the whole takes minutes.
type API struct {
	lines   []string
	schemas map[string]int // name -> line
	params  map[string]int
	paths   map[string]int
	parsed  map[string]map[string]any
}

// OpenAPI reads a description, gzipped YAML.
func OpenAPI(file string) (*API, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	a := &API{schemas: map[string]int{}, params: map[string]int{}, paths: map[string]int{}, parsed: map[string]map[string]any{}}
	sc := bufio.NewScanner(z)
	sc.Buffer(nil, 8<<20)
	top, second := "", ""
	for n := 0; sc.Scan(); n++ {
		l := sc.Text()
		a.lines = append(a.lines, l)
		indent := len(l) - len(strings.TrimLeft(l, " "))
		key, ok := strings.CutSuffix(strings.TrimSpace(l), ":")
		if l == "" || !ok || strings.HasPrefix(key, "-") {
			continue
		}
		key = strings.Trim(key, `"'`)
		switch {
		case indent == 0:
			top, second = key, ""
		case indent == 2 && top == "paths":
			a.paths[key] = n
		case indent == 2:
			second = key
		case indent == 4 && top == "components" && second == "schemas":
			a.schemas[key] = n
		case indent == 4 && top == "components" && second == "parameters":
			a.params[key] = n
		}
	}
	return a, sc.Err()
}

// block parses the mapping that begins at a line.
func (a *API) block(kind string, index map[string]int, name string) (map[string]any, error) {
	if v, ok := a.parsed[kind+name]; ok {
		return v, nil
	}
	at, ok := index[name]
	if !ok {
		return nil, fmt.Errorf("no %s %q in the description", kind, name)
	}
	indent := len(a.lines[at]) - len(strings.TrimLeft(a.lines[at], " "))
	end := at + 1
	for end < len(a.lines) {
		l := a.lines[end]
		if strings.TrimSpace(l) != "" && len(l)-len(strings.TrimLeft(l, " ")) <= indent {
			break
		}
		end++
	}
	var text strings.Builder
	for _, l := range a.lines[at+1 : end] {
		if len(l) > indent {
			l = l[indent:]
		}
		text.WriteString(l)
		text.WriteByte('\n')
	}
	var v map[string]any
	if err := yaml.Unmarshal([]byte(text.String()), &v); err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, name, err)
	}
	a.parsed[kind+name] = v
	return v, nil
}

// Has reports whether the description has a path that p is an instance of, and which.
func (a *API) Has(p string) (template string, ok bool) {
	if _, ok := a.paths[p]; ok {
		return p, true
	}
	for _, t := range slices.Sorted(keysOf(a.paths)) {
		if !strings.Contains(t, "{") {
			continue
		}
		re := regexp.MustCompile(`\\\{[^}]*\\\}`).ReplaceAllString(regexp.QuoteMeta(t), `[^/]+`)
		if regexp.MustCompile("^" + re + "$").MatchString(p) {
			return t, true
		}
	}
	return "", false
}

// Validate checks a call against the description: path, method, parameters, body.
func (a *API) Validate(c Call) error {
	t, ok := a.Has(c.Path)
	if !ok {
		return fmt.Errorf("%s is not described", c.Path)
	}
	ops, err := a.block("path", a.paths, t)
	if err != nil {
		return err
	}
	op, ok := ops[strings.ToLower(c.Method)].(map[string]any)
	if !ok {
		return fmt.Errorf("%s %s is not described", c.Method, t)
	}
	if err := a.parameters(op, c.Query); err != nil {
		return fmt.Errorf("%s %s: %w", c.Method, t, err)
	}
	body, _ := op["requestBody"].(map[string]any)
	if body == nil {
		if len(c.Body) > 0 {
			return fmt.Errorf("%s %s takes no body", c.Method, t)
		}
		return nil
	}
	schema, _ := dig(body, "content", "application/json", "schema").(map[string]any)
	if schema == nil {
		return fmt.Errorf("%s %s: no schema of the body", c.Method, t)
	}
	var v any
	if err := json.Unmarshal(c.Body, &v); err != nil {
		return fmt.Errorf("%s %s: %w", c.Method, t, err)
	}
	if err := a.check(schema, v, "body"); err != nil {
		return fmt.Errorf("%s %s: %w", c.Method, t, err)
	}
	return nil
}

func dig(v any, keys ...string) any {
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

func (a *API) parameters(op map[string]any, q url.Values) error {
	known := map[string]bool{}
	list, _ := op["parameters"].([]any)
	for _, p := range list {
		m, _ := p.(map[string]any)
		if ref, ok := m["$ref"].(string); ok {
			var err error
			if m, err = a.block("parameter", a.params, ref[strings.LastIndexByte(ref, '/')+1:]); err != nil {
				return err
			}
		}
		if m["in"] != "query" {
			continue
		}
		name, _ := m["name"].(string)
		known[name] = true
		values := q[name]
		if len(values) == 0 {
			if m["required"] == true {
				return fmt.Errorf("parameter %s is missing", name)
			}
			continue
		}
		schema, _ := m["schema"].(map[string]any)
		var v any = values[0]
		switch schema["type"] {
		case "integer", "number":
			f, err := strconv.ParseFloat(values[0], 64)
			if err != nil {
				return fmt.Errorf("parameter %s is no number: %q", name, values[0])
			}
			v = f
		case "boolean":
			b, err := strconv.ParseBool(values[0])
			if err != nil {
				return fmt.Errorf("parameter %s is no boolean: %q", name, values[0])
			}
			v = b
		}
		if err := a.check(schema, v, name); err != nil {
			return err
		}
	}
	for k := range q {
		if !known[k] {
			return fmt.Errorf("parameter %s is not described", k)
		}
	}
	return nil
}

// check is the part of JSON Schema that the descriptions use. Members that are not described are errors: Datadog would ignore them.
func (a *API) check(schema map[string]any, v any, at string) error {
	if ref, ok := schema["$ref"].(string); ok {
		s, err := a.block("schema", a.schemas, ref[strings.LastIndexByte(ref, '/')+1:])
		if err != nil {
			return err
		}
		return a.check(s, v, at)
	}
	if one, ok := schema["oneOf"].([]any); ok {
		var errs []string
		for _, o := range one {
			m, _ := o.(map[string]any)
			err := a.check(m, v, at)
			if err == nil {
				return nil
			}
			errs = append(errs, err.Error())
		}
		return fmt.Errorf("%s fits none of: %s", at, strings.Join(errs, " | "))
	}
	if v == nil {
		if schema["nullable"] == true {
			return nil
		}
		return fmt.Errorf("%s is null", at)
	}
	if enum, ok := schema["enum"].([]any); ok {
		if !slices.ContainsFunc(enum, func(e any) bool { return fmt.Sprint(e) == fmt.Sprint(v) }) {
			return fmt.Errorf("%s is %v, not one of %v", at, v, enum)
		}
	}
	switch schema["type"] {
	case "object":
		m, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is no object", at)
		}
		required, _ := schema["required"].([]any)
		for _, k := range required {
			if _, ok := m[fmt.Sprint(k)]; !ok {
				return fmt.Errorf("%s lacks %v", at, k)
			}
		}
		props, _ := schema["properties"].(map[string]any)
		for k, x := range m {
			p, ok := props[k].(map[string]any)
			if !ok {
				if _, open := schema["additionalProperties"]; open {
					continue
				}
				return fmt.Errorf("%s.%s is not described", at, k)
			}
			if err := a.check(p, x, at+"."+k); err != nil {
				return err
			}
		}
	case "array":
		l, ok := v.([]any)
		if !ok {
			return fmt.Errorf("%s is no array", at)
		}
		items, _ := schema["items"].(map[string]any)
		for i, x := range l {
			if err := a.check(items, x, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case "string":
		if _, ok := v.(string); !ok {
			return fmt.Errorf("%s is no string", at)
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			return fmt.Errorf("%s is no boolean", at)
		}
	case "integer", "number":
		f, ok := v.(float64)
		if !ok || schema["type"] == "integer" && f != math.Trunc(f) {
			return fmt.Errorf("%s is no %v", at, schema["type"])
		}
		if most, ok := toFloat(schema["maximum"]); ok && f > most {
			return fmt.Errorf("%s is %v, more than %v", at, f, most)
		}
		if least, ok := toFloat(schema["minimum"]); ok && f < least {
			return fmt.Errorf("%s is %v, less than %v", at, f, least)
		}
	}
	return nil
}

func toFloat(v any) (float64, bool) {
	switch x := v.(type) {
	case uint64:
		return float64(x), true
	case int64:
		return float64(x), true
	case int:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}
