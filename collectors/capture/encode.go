package capture

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"

	"lastcall/collectors/record"
)

var (
	layerNames   = [...]string{record.LayerUnknown: "", record.LayerRouter: "router", record.LayerApp: "app"}
	phaseNames   = [...]string{record.Completed: "", record.Started: "started"}
	outcomeNames = [...]string{
		record.OutcomeUnknown: "", record.Answered: "answered", record.GaveUp: "gave_up", record.Cut: "cut",
		record.ClientGone: "client_gone", record.Refused: "refused",
	}
)

// nameOf is names[i]; a value that this version has no name for is kept as its number.
func nameOf[T ~uint8](names []string, i T) string {
	if int(i) < len(names) {
		return names[i]
	}
	return strconv.Itoa(int(i))
}

func valueOf[T ~uint8](names []string, s string) T {
	for i, n := range names {
		if n == s {
			return T(i)
		}
	}
	n, _ := strconv.ParseUint(s, 10, 8)
	return T(n)
}

// chunk gathers encoded lines until they make a frame. It is for one goroutine.
type chunk struct {
	buf     []byte
	lines   uint32
	records int64
	sources map[*record.Source]int
}

func (c *chunk) reset() {
	c.buf, c.lines, c.records = c.buf[:0], 0, 0
	clear(c.sources)
}

// source returns the number of src in this chunk and, on first use, writes its line; 0 for nil.
func (c *chunk) source(src *record.Source) int {
	if src == nil {
		return 0
	}
	if n, ok := c.sources[src]; ok {
		return n
	}
	n := len(c.sources) + 1
	c.sources[src] = n
	c.open("source")
	c.int("i", int64(n))
	c.str("name", src.Name)
	c.str("format", src.Format)
	c.close()
	return n
}

func (c *chunk) begin(kind string, pos record.Pos) {
	s := c.source(pos.Source)
	c.open(kind)
	c.int("s", int64(s))
	c.int("line", pos.Line)
	c.records++
}

func (c *chunk) open(kind string) {
	c.buf = append(c.buf, `{"t":"`...)
	c.buf = append(c.buf, kind...)
	c.buf = append(c.buf, '"')
}

func (c *chunk) close() {
	c.buf = append(c.buf, '}', '\n')
	c.lines++
}

func (c *chunk) key(k string) {
	c.buf = append(c.buf, ',', '"')
	c.buf = append(c.buf, k...)
	c.buf = append(c.buf, '"', ':')
}

func (c *chunk) int(k string, v int64) {
	if v != 0 {
		c.key(k)
		c.buf = strconv.AppendInt(c.buf, v, 10)
	}
}

func (c *chunk) bool(k string, v bool) {
	if v {
		c.key(k)
		c.buf = append(c.buf, "true"...)
	}
}

// float writes v unless it is zero; NaN and the infinities as strings.
func (c *chunk) float(k string, v float64) {
	switch {
	case v == 0 && !math.Signbit(v):
	case math.IsNaN(v):
		c.str(k, "NaN")
	case math.IsInf(v, 1):
		c.str(k, "+Inf")
	case math.IsInf(v, -1):
		c.str(k, "-Inf")
	default:
		c.key(k)
		c.buf = strconv.AppendFloat(c.buf, v, 'g', -1, 64)
	}
}

// known writes v, zero included, unless it is NaN: unknown.
func (c *chunk) known(k string, v float64) {
	switch {
	case math.IsNaN(v):
	case v == 0:
		c.key(k)
		c.buf = append(c.buf, '0')
	default:
		c.float(k, v)
	}
}

func (c *chunk) str(k, v string) {
	if v != "" {
		c.key(k)
		c.buf = appendText(c.buf, v)
	}
}

func (c *chunk) bytes(k string, v []byte) {
	if len(v) != 0 {
		c.key(k)
		c.buf = appendText(c.buf, v)
	}
}

func (c *chunk) base64(k string, v []byte) {
	if len(v) != 0 {
		c.key(k)
		c.buf = append(c.buf, '"')
		c.buf = base64.StdEncoding.AppendEncode(c.buf, v)
		c.buf = append(c.buf, '"')
	}
}

// appendText appends v as a JSON string or, if it is not valid UTF-8, as an array of one base64 string.
func appendText[T string | []byte](dst []byte, v T) []byte {
	const hex = "0123456789abcdef"
	start := len(dst)
	dst = append(dst, '"')
	ascii := true
	for i := 0; i < len(v); i++ {
		switch b := v[i]; {
		case b == '"' || b == '\\':
			dst = append(dst, '\\', b)
		case b < 0x20 || b == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
		default:
			ascii = ascii && b < utf8.RuneSelf
			dst = append(dst, b)
		}
	}
	if !ascii && !utf8.Valid(dst[start+1:]) {
		dst = append(dst[:start], '[', '"')
		dst = base64.StdEncoding.AppendEncode(dst, []byte(v))
		return append(dst, '"', ']')
	}
	return append(dst, '"')
}

func (c *chunk) request(r *record.Request) {
	c.begin("request", r.Pos)
	c.str("layer", nameOf(layerNames[:], r.Layer))
	c.str("phase", nameOf(phaseNames[:], r.Phase))
	c.str("outcome", nameOf(outcomeNames[:], r.Outcome))
	c.bool("retried", r.Retried)
	c.int("start", int64(r.Start))
	c.int("end", int64(r.End))
	c.int("status", int64(r.Status))
	c.bytes("method", r.Method)
	c.bytes("path", r.Path)
	c.bytes("route", r.Route)
	c.bytes("id", r.ID)
	c.bytes("container", r.Container)
	c.bytes("instance", r.Instance)
	c.bytes("host", r.Host)
	c.bytes("service", r.Service)
	c.bytes("version", r.Version)
	c.bytes("user", r.User)
	c.bytes("client", r.Client)
	c.close()
}

func (c *chunk) sample(s *record.Sample) {
	c.begin("sample", s.Pos)
	c.int("time", int64(s.Time))
	c.str("metric", s.Metric.String())
	c.float("value", s.Value)
	c.int("interval", int64(s.Interval))
	c.place(s.Container, s.Instance, s.Service, s.Host, s.Version)
	c.close()
}

func (c *chunk) place(container, instance, service, host, version string) {
	c.str("container", container)
	c.str("instance", instance)
	c.str("service", service)
	c.str("host", host)
	c.str("version", version)
}

func (c *chunk) crash(r *record.Crash) {
	c.begin("crash", r.Pos)
	c.int("time", int64(r.Time))
	c.str("kind", string(r.Kind))
	c.bool("exited", r.Exited)
	c.bool("final", r.Final)
	c.int("exit_code", int64(r.ExitCode))
	c.str("signal", r.Signal)
	c.int("limit_bytes", r.LimitBytes)
	c.int("used_bytes", r.UsedBytes)
	c.int("uptime", int64(r.Uptime))
	c.place(r.Container, r.Instance, r.Service, r.Host, r.Version)
	c.str("pod", r.Pod)
	c.str("text", r.Text)
	c.close()
}

func (c *chunk) lifecycle(r *record.Lifecycle) {
	c.begin("lifecycle", r.Pos)
	c.int("time", int64(r.Time))
	c.int("end", int64(r.End))
	c.str("kind", string(r.Kind))
	c.int("exit_code", int64(r.ExitCode))
	c.int("used_bytes", r.UsedBytes)
	c.int("limit_bytes", r.LimitBytes)
	c.int("merged", int64(r.Merged))
	c.str("reason", r.Reason)
	c.place(r.Container, r.Instance, r.Service, r.Host, r.Version)
	c.str("address", r.Address)
	c.str("pod", r.Pod)
	c.str("text", r.Text)
	c.close()
}

func (c *chunk) job(r *record.Job) {
	c.begin("job", r.Pos)
	c.str("name", r.Name)
	c.int("start", int64(r.Start))
	c.int("end", int64(r.End))
	c.str("container", r.Container)
	c.str("instance", r.Instance)
	c.close()
}

func (c *chunk) exposure(r *record.Exposure) {
	c.begin("exposure", r.Pos)
	c.int("from", int64(r.From))
	c.int("to", int64(r.To))
	c.str("method", r.Method)
	c.str("route", r.Route)
	c.str("container", r.Container)
	c.str("service", r.Service)
	c.float("count", r.Count)
	c.float("errors", r.Errors)
	c.known("p50", r.P50)
	c.known("p99", r.P99)
	c.known("max", r.Max)
	c.close()
}

func (c *chunk) profile(r *record.Profile) {
	c.begin("profile", r.Pos)
	c.str("name", r.Name)
	c.base64("data", r.Data)
	c.int("time", int64(r.Time))
	c.str("container", r.Container)
	c.str("instance", r.Instance)
	c.str("version", r.Version)
	c.bool("on_oom", r.OnOOM)
	c.close()
}

func (c *chunk) warning(r *record.Warning) {
	c.begin("warning", r.Pos)
	c.str("code", r.Code)
	c.int("count", r.Count)
	c.str("text", r.Text)
	c.str("example", r.Example)
	c.close()
}

func (c *chunk) coverage(r *record.Coverage) {
	c.begin("coverage", record.Pos{Source: r.Source})
	c.str("signal", r.Signal)
	c.int("from", int64(r.From))
	c.int("to", int64(r.To))
	c.int("records", r.Records)
	c.str("missing_reason", r.MissingReason)
	c.float("sampled", r.Sampled)
	c.str("container", r.Container)
	c.close()
}

// note writes a note; value is JSON on one line.
func (c *chunk) note(name string, value []byte) {
	c.open("note")
	c.str("name", name)
	c.key("value")
	c.buf = append(c.buf, value...)
	c.close()
}
