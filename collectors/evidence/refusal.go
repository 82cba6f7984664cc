package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/warning"
)

// What is often saved by mistake is refused by its name, with the command that saves what can be read.

// unreadable is the cause for an input that is known and yet of no use.
type unreadable string

func (u unreadable) Error() string { return string(u) }

// Unwrap makes it an unknown format, which it is.
func (unreadable) Unwrap() error { return ErrUnknownFormat }

// refusal says why an input of no format cannot be read and what to do about it. sample is a line of it, where lines are meant.
func refusal(name string, head []byte) (hint, sample string, cause error) {
	file := shellWord(path.Base(cut.BaseName(name)))
	if name == "stdin" {
		file = "FILE"
	}
	for _, p := range packings {
		if bytes.HasPrefix(head, []byte(p.magic)) {
			return "unpack it (" + fmt.Sprintf(p.command, file) + ") and name what comes out", "", unreadable("it is packed with " + p.name + ", which is not read here")
		}
	}
	text := bytes.TrimLeft(head, " \t\r\n")
	line := bytes.TrimRight(cut.FirstLine(text), "\r ")
	columns := strings.Fields(string(line[:min(len(line), 300)]))
	for _, t := range printedTables {
		if cut.HasColumns(columns, t.columns) {
			return "save it with: " + t.instead, warning.Example(line), unreadable("it is the table that `" + t.command + "` prints for people: " + t.lacks)
		}
	}
	if bytes.HasPrefix(text, []byte("Name:")) && bytes.Contains(text, []byte("\nNamespace:")) {
		return "save it with: kubectl get pods -o json > pods.json; kubectl get events -o json > events.json", warning.Example(line), unreadable("it is what `kubectl describe` prints for people")
	}
	switch lower := bytes.ToLower(line[:min(len(line), 64)]); {
	case bytes.HasPrefix(lower, []byte("apiversion:")):
		return "save it with -o json instead of -o yaml", warning.Example(line), unreadable("it is YAML, which is not read")
	case bytes.HasPrefix(lower, []byte("<!doctype html")), bytes.HasPrefix(lower, []byte("<html")):
		return "save the log or the answer itself, not the page that shows it (a page to log in at, perhaps)", warning.Example(line), unreadable("it is a web page")
	}
	if len(line) > 1 && !cut.LooksBinary(head) && utf8.Valid(line) {
		sample = warning.Example(line)
	}
	return hintFormat, sample, ErrUnknownFormat
}

// packings are compressions and archives that need a tool of their own.
var packings = [...]struct{ magic, name, command string }{
	{"\xfd7zXZ\x00", "xz", "xz -dk %s"},
	{"BZh", "bzip2", "bunzip2 -k %s"},
	{"7z\xbc\xaf\x27\x1c", "7-Zip", "7z x %s"},
	{"Rar!\x1a\x07", "RAR", "unrar x %s"},
	{"\x04\x22\x4d\x18", "lz4", "lz4 -dk %s"},
	{"\x5d\x00\x00", "lzma", "unlzma -k %s"},
	{"LZIP", "lzip", "lzip -dk %s"},
	{"\x1f\x9d", "compress", "uncompress %s"},
}

// printedTables are tables that tools print on a terminal, by words of their headers, in order.
var printedTables = [...]struct{ columns, command, lacks, instead string }{
	{"LAST SEEN TYPE REASON OBJECT", "kubectl get events", "it has ages instead of times", "kubectl get events -o json > events.json"},
	{"NAME CPU(cores) MEMORY(bytes)", "kubectl top pods", "it has no times", "a metrics query over the hours before the crash, as CSV or JSON (Grafana: Inspect, Data, Download CSV)"},
	{"CONTAINER ID IMAGE COMMAND CREATED STATUS", "docker ps", "it has ages instead of times",
		"docker inspect $(docker ps -aq) > containers.json; docker events --since 24h --until 0s --format json > events.json"},
	{"CONTAINER ID NAME CPU % MEM USAGE", "docker stats", "it has no times", "docker stats --format json (with a time before each line), or a metrics query over the hours before the crash"},
}

// shellWord quotes a file's name for the command line, where it must be.
func shellWord(name string) string {
	plain := func(r rune) bool {
		return r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	if strings.TrimFunc(name, plain) == "" && name != "" {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// holdsNothing is why an input whose lines are understood gives no records.
const holdsNothing = "its lines are understood, and none tells of a request, a death or a measurement; a request needs its time, method, path and duration in fields of their own " +
	"(or its beginning and its end, by one id), otherwise add the router's or proxy's log"

// emptyKubernetesList is the warning of an answer of kubectl without an item.
const emptyKubernetesList = "answers of kubectl whose list is empty: the namespace that was asked has nothing of the kind, or has it no more (Kubernetes keeps events for an hour, unless it is told otherwise)"

// isEmptyList reports whether a head is a whole list without an item.
func isEmptyList(head []byte) bool {
	var list struct {
		Items *[]json.RawMessage `json:"items"`
	}
	return json.Unmarshal(head, &list) == nil && list.Items != nil && len(*list.Items) == 0
}

// isSilent reports whether an input gave neither records nor warnings.
func (t *tally) isSilent() bool {
	for _, e := range t.extents {
		if e.records+e.outside > 0 {
			return false
		}
	}
	return len(t.warns) == 0
}
