package orchestrator

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"

	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/evidence/internal/warning"
	"lastcall/collectors/record"
)

// kubernetesTable reads the table of `kubectl get events` where its first column has times, as with
// `-o custom-columns=TIME:.lastTimestamp,TYPE:.type,REASON:.reason,OBJECT:.involvedObject.name,MESSAGE:.message`:
//
//	TIME                   TYPE      REASON       OBJECT        MESSAGE
//	2026-11-18T10:29:41Z   Warning   BackOff      pod/web-0     Back-off restarting failed container app in pod web-0_prod(a657eb8d-…)
//
// By itself kubectl prints ages ("2m1s (x8 over 13h)"), which place nothing: such lines are counted, and those of them that tell of ends.
// Each event is put into the form that the API gives it, and read as that.
type kubernetesTable struct{}

var _ format.WholeFormat = kubernetesTable{}

// Name implements Format.
func (kubernetesTable) Name() string { return "kubernetes-table" }

// Sniff implements Format.
func (kubernetesTable) Sniff(head []byte) int {
	header, rest, _ := bytes.Cut(bytes.TrimLeft(head, "\r\n"), []byte("\n"))
	first, _, _ := bytes.Cut(rest, []byte("\n"))
	if _, timed := eventOfTable(first); timed && isEventsHeader(header) || isAgedHeader(header) {
		return 95
	}
	return 0
}

// isEventsHeader recognises the heads of the columns, of which the first is called as whoever asked for it likes.
func isEventsHeader(line []byte) bool {
	words := strings.Fields(strings.ToUpper(string(line)))
	return len(words) == 5 && words[1] == "TYPE" && words[2] == "REASON" && words[3] == "OBJECT" && words[4] == "MESSAGE"
}

// isAgedHeader recognises the heads of the columns as kubectl prints them by itself.
func isAgedHeader(line []byte) bool {
	return cut.HasColumns(strings.Fields(string(line[:min(len(line), 300)])), "LAST SEEN TYPE REASON OBJECT MESSAGE")
}

// Parse implements WholeFormat.
func (kubernetesTable) Parse(ctx context.Context, src *record.Source, r io.Reader, sink record.Sink) error {
	events := &kubernetesReader{src: src, story: newKubernetesStory(sink)}
	var aged, ended record.Warning
	timed := false
	ends := map[string]int64{} // by object
	stats, err := format.EachLine(ctx, r, func(no int64, line []byte) error {
		if len(bytes.TrimSpace(line)) == 0 || isEventsHeader(line) || isAgedHeader(line) {
			return nil
		}
		raw, ok := eventOfTable(line)
		if !ok {
			tell := &aged
			if object, n := endsOfAgedEvent(line); n > 0 && (ends[object] > 0 || len(ends) < maxPods) {
				tell, ends[object] = &ended, max(ends[object], n) // a start and a back-off tell of one end
			}
			if tell.Count++; tell.Count == 1 {
				tell.Pos, tell.Example = record.Pos{Source: src, Line: no}, cut.Clip(line, 200)
			}
			return nil
		}
		timed = true
		return events.object(no, raw)
	})
	if closeErr := events.story.close(); err == nil {
		err = closeErr
	}
	if err == nil && stats.TooLong > 0 {
		err = sink.Warn(warning.LineTooLong(src, stats))
	}
	ended.Count = 0
	for _, n := range ends {
		ended.Count += n
	}
	if err == nil && !timed && aged.Count > 0 && ended.Count == 0 {
		return ErrAges
	}
	aged.Code, aged.Text = relativeTimes, relativeTimesText
	ended.Code, ended.Text = untimedEnds, untimedEndsText
	for _, w := range []*record.Warning{&ended, &aged} {
		if err == nil && w.Count > 0 {
			err = sink.Warn(w)
		}
	}
	return err
}

// kindOfTable is the kind of an object that kubectl writes before its name.
func kindOfTable(kind string) string {
	switch kind {
	case "pod":
		return "Pod"
	case "node":
		return "Node"
	case "replicaset":
		return "ReplicaSet"
	case "deployment":
		return "Deployment"
	case "horizontalpodautoscaler":
		return "HorizontalPodAutoscaler"
	}
	return kind
}

// eventOfTable is a line in the form of the API; false where it has no time.
func eventOfTable(line []byte) ([]byte, bool) {
	when, rest := cut.Word(bytes.TrimLeft(line, " "))
	if _, _, ok := stamp.Parse(when); !ok {
		return nil, false
	}
	severity, rest := cut.Word(bytes.TrimLeft(rest, " "))
	reason, rest := cut.Word(bytes.TrimLeft(rest, " "))
	object, rest := cut.Word(bytes.TrimLeft(rest, " "))
	kind, name, ok := strings.Cut(string(object), "/")
	if !ok {
		kind, name = "pod", kind
	}
	raw, err := json.Marshal(map[string]any{
		"kind": "Event", "type": string(severity), "reason": string(reason), "message": string(bytes.TrimSpace(rest)), "count": 1,
		"involvedObject": map[string]string{"kind": kindOfTable(kind), "name": name, "uid": podOfMessage(rest)},
		"firstTimestamp": string(when), "lastTimestamp": string(when),
	})
	return raw, err == nil
}

// podOfMessage is the UID of the pod that a message has behind its name: "… in pod web-0_prod(a657eb8d-2231-5804-1f6e-90de8bdbd404)".
func podOfMessage(msg []byte) string {
	i := bytes.LastIndex(msg, []byte(" in pod "))
	if i < 0 {
		return ""
	}
	return string(cut.Between(msg[i:], "(", ")"))
}
