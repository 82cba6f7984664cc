package orchestrator

import (
	"bytes"
	"context"
	"encoding/json"
	"io"

	"github.com/valyala/fastjson"

	"lastcall/collectors/evidence/internal/jsondoc"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// Kubernetes reads what `kubectl get pods -o json`, `kubectl get events -o json` (or both in one list), a single object, a watch, and
// the API itself print. The list is streamed: one object is held at a time.
//
// A pod is the container of the records: its name is what routers, logs and metrics usually carry. Where a pod has several
// containers, the first of its spec goes by the pod's name, the others by "pod/container".
type Kubernetes struct{}

// Name implements Format.
func (Kubernetes) Name() string { return "kubernetes" }

// Sniff implements Format.
func (Kubernetes) Sniff(head []byte) int {
	if !jsondoc.IsObject(head) {
		return 0
	}
	has := func(s string) bool { return bytes.Contains(head, []byte(s)) }
	kind := false
	for rest := head; !kind; {
		i := bytes.Index(rest, []byte(`"kind"`))
		if i < 0 {
			break
		}
		rest = bytes.TrimLeft(rest[i+len(`"kind"`):], ": \t\r\n")
		for _, k := range []string{`"Pod"`, `"PodList"`, `"Event"`, `"EventList"`, `"List"`} {
			kind = kind || bytes.HasPrefix(rest, []byte(k))
		}
	}
	switch {
	case !kind || !has(`"apiVersion"`):
		return 0
	case has(`"involvedObject"`) || has(`"regarding"`) || has(`"containerStatuses"`) || has(`"containers"`):
		return 95
	case has(`"items"`):
		return 70
	}
	return 0
}

// Parse implements WholeFormat.
func (Kubernetes) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	k := &kubernetesReader{src: src, story: newKubernetesStory(sink), w: jsondoc.NewWalker(ctx, r)}
	err := k.w.Documents(func(first json.Token) error {
		if first != json.Delim('{') {
			return k.w.SkipRest(first)
		}
		return k.document()
	})
	if closeErr := k.story.close(); closeErr != nil {
		return closeErr
	}
	return err
}

type kubernetesReader struct {
	src    *record.Source
	story  *kubernetesStory
	w      *jsondoc.Walker
	parser fastjson.Parser
	spaces map[string]string // of pods, the namespace of the first of that name
}

// document reads a list, streaming its items, or a single object.
func (k *kubernetesReader) document() error {
	fields := map[string]json.RawMessage{}
	held := 0
	line := k.w.Line()
	err := k.w.Object(func(key string) error {
		switch key {
		case "items":
			return k.w.ArrayValue(func() error {
				var raw json.RawMessage
				if _, err := k.w.Decode(&raw); err != nil {
					return err
				}
				return k.object(k.w.LineOf(raw), raw)
			})
		case "object": // of a watch: {"type":"MODIFIED","object":{…}}
			var raw json.RawMessage
			if _, err := k.w.Decode(&raw); err != nil {
				return err
			}
			return k.object(k.w.LineOf(raw), raw)
		}
		var raw json.RawMessage
		if _, err := k.w.Decode(&raw); err != nil {
			return err
		}
		if held += len(key) + len(raw) + 64; held <= jsondoc.MaxParsed {
			fields[key] = raw
		}
		return nil
	})
	if err != nil {
		return err
	}
	// Exporters of events write them without their kind.
	_, involved := fields["involvedObject"]
	_, regarding := fields["regarding"]
	if kind := string(fields["kind"]); kind != `"Pod"` && kind != `"Event"` && !(kind == "" && (involved || regarding)) {
		return nil
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		return nil // Cannot be: each field was valid JSON.
	}
	return k.object(line, raw)
}

// object reads one pod or event, which begins on a line; other kinds are passed over.
func (k *kubernetesReader) object(line int64, raw []byte) error {
	if len(raw) > jsondoc.MaxParsed {
		return warning.Tell(k.story, record.Pos{Source: k.src, Line: line}, "malformed_line", "an object of more than 1 MiB was left out", raw)
	}
	v, err := k.parser.ParseBytes(raw)
	if err != nil {
		return nil // Cannot be: the decoder took it.
	}
	pos := record.Pos{Source: k.src, Line: line}
	switch kind := string(v.GetStringBytes("kind")); {
	case kind == "Event" || (kind == "" && (v.Exists("involvedObject") || v.Exists("regarding"))):
		if err := k.place(pos, jsondoc.FirstOf(v, "involvedObject", "regarding"), raw); err != nil {
			return err
		}
		return kubernetesEvent(pos, v, k.story)
	case kind == "Pod" || (kind == "" && v.Exists("status", "containerStatuses")):
		if err := k.place(pos, v.Get("metadata"), raw); err != nil {
			return err
		}
		return kubernetesPod(pos, v, k.story)
	}
	return nil
}

// maxPods bounds the pods whose namespaces are remembered.
const maxPods = 100_000

// place warns of pods that bear one name in several namespaces: records know pods by their names alone, as routers and logs do.
func (k *kubernetesReader) place(pos record.Pos, object *fastjson.Value, raw []byte) error {
	pod, space := object.GetStringBytes("name"), object.GetStringBytes("namespace")
	if kind := object.GetStringBytes("kind"); len(pod) == 0 || len(space) == 0 || len(kind) > 0 && string(kind) != "Pod" {
		return nil
	}
	first, known := k.spaces[string(pod)]
	switch {
	case known && first != string(space):
		return warning.Tell(k.story, pos, "several_namespaces", "pods of one name stand in several namespaces, and are looked at as one container: ask for one namespace at a time", raw)
	case !known && len(k.spaces) < maxPods:
		if k.spaces == nil {
			k.spaces = map[string]string{}
		}
		k.spaces[string(pod)] = string(space)
	}
	return nil
}

// podService and podVersion read the labels that teams and Datadog use for them.
func podService(labels *fastjson.Value) []byte {
	return jsondoc.Text(firstLabel(labels, "tags.datadoghq.com/service", "app.kubernetes.io/name", "app", "k8s-app"))
}

func podVersion(labels *fastjson.Value) []byte {
	return jsondoc.Text(firstLabel(labels, "tags.datadoghq.com/version", "app.kubernetes.io/version", "version"))
}

func firstLabel(labels *fastjson.Value, keys ...string) *fastjson.Value {
	if labels == nil || labels.Type() != fastjson.TypeObject {
		return nil
	}
	return jsondoc.FirstOf(labels, keys...)
}

// bareID cuts the runtime off a container id: "docker://84d3…" and "containerd://84d3…" are "84d3…".
func bareID(id []byte) []byte {
	if i := bytes.Index(id, []byte("://")); i >= 0 {
		return id[i+3:]
	}
	return id
}

// parseQuantity reads a Kubernetes quantity of bytes: "100Mi", "1Gi", "128974848", "129e6", "500M".
func parseQuantity(s []byte) (int64, bool) {
	s = bytes.TrimSpace(s)
	n := len(s)
	for n > 0 && !number.IsDigit(s[n-1]) && s[n-1] != '.' {
		n--
	}
	v, ok := number.Float(s[:n])
	if !ok || v < 0 {
		return 0, false
	}
	switch string(s[n:]) {
	case "":
	case "m":
		v /= 1000
	case "k", "K":
		v *= 1e3
	case "M":
		v *= 1e6
	case "G":
		v *= 1e9
	case "T":
		v *= 1e12
	case "Ki":
		v *= 1 << 10
	case "Mi":
		v *= 1 << 20
	case "Gi":
		v *= 1 << 30
	case "Ti":
		v *= 1 << 40
	default:
		return 0, false
	}
	return int64(v), v < 1<<62
}
