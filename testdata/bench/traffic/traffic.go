// Package traffic writes one synthetic incident in the four log formats that the benchmarks read: the same requests as Heroku
// router lines, an nginx access log, pino JSON and Datadog's log archive, and the deaths of the containers as a table.
//
// Twelve containers die once or twice in the window. Before each death a few slow exports are open on the container that dies;
// the rest is ordinary traffic over 120 endpoints with lognormal durations. Some eight in a hundred lines are no requests, and
// some JSON lines are odd on purpose: attributes first, decoys in nested objects and in messages, numbers as strings, escaped
// slashes. The same options give the same bytes.
package traffic

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Options say how much traffic there is.
type Options struct {
	Lines int     // log lines of each format; the access log holds only those that are requests
	Hours float64 // length of the window
	Seed  uint64
}

// Result says what was written.
type Result struct {
	Requests int    // lines of each format that are requests
	Culprit  string // the planted endpoint, as "METHOD /template"
	Crashes  int
}

// Names of the files that Write makes, each with one format.
const (
	Router  = "router.log"
	Access  = "access.log"
	Pino    = "pino.ndjson"
	Datadog = "dd.ndjson"
	Crashes = "crashes.csv" // container,milliseconds since 1970
)

// Formats are the log files, in the order of the benchmark's table.
func Formats() []string { return []string{Router, Access, Pino, Datadog} }

const (
	containers = 12
	crashes    = 12
	hexDigits  = "0123456789abcdef"
	idDigits   = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

func words() []string {
	return strings.Fields(`users orders items carts sessions reports invoices teams projects tasks comments files events webhooks
		search metrics billing plans exports imports notifications devices keys roles`)
}

func userAgents() []string {
	return []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
		"okhttp/4.12.0", "axios/1.7.7", "python-requests/2.32.3", "Go-http-client/2.0",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36",
	}
}

// route is an endpoint and how its requests behave.
type route struct {
	method    string
	segments  []string // a literal, or {n} a number, {u} a UUID, {h} 24 hexadecimal digits
	weight    float64
	mu, sigma float64 // of the logarithm of the duration in milliseconds
	query     int     // 0 never, 1 every other request, 2 always
}

type kind int8

const (
	request kind = iota
	appLine
	errorLine
)

// event is a line to be, the same in every format.
type event struct {
	end       int64 // milliseconds since 1970
	duration  int64 // microseconds
	route     int32
	container int16
	status    int16
	kind      kind
}

type death struct {
	container int
	at        int64
}

// world is what is drawn before the lines are.
type world struct {
	routes  []route
	culprit int32
	events  []event
	deaths  []death
	ids     []string // of the containers
	hosts   []string
}

// Write makes the files in dir, which it creates where it is missing.
func Write(dir string, o Options) (Result, error) {
	if o.Lines < 1 || o.Hours <= 0 {
		return Result{}, errors.New("at least one line and a window longer than 0 hours are needed")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Result{}, err
	}
	r := rand.New(rand.NewPCG(o.Seed, 42))
	w := draw(r, o)
	res := Result{Crashes: len(w.deaths), Culprit: w.routes[w.culprit].String()}
	for i := range w.events {
		if w.events[i].kind == request {
			res.Requests++
		}
	}
	var table strings.Builder
	for _, d := range w.deaths {
		fmt.Fprintf(&table, "web-%d,%d\n", d.container+1, d.at)
	}
	if err := os.WriteFile(filepath.Join(dir, Crashes), []byte(table.String()), 0o644); err != nil {
		return Result{}, err
	}
	var out files
	err := out.open(dir)
	if err == nil {
		err = w.write(r, &out)
	}
	return res, errors.Join(err, out.close())
}

// String is the endpoint as reports write it.
func (e route) String() string {
	s := e.method + " "
	for _, p := range e.segments {
		if p[0] == '{' {
			p = "{id}"
		}
		s += "/" + p
	}
	return s
}

func draw(r *rand.Rand, o Options) *world {
	w := &world{}
	w.drawRoutes(r)
	total := make([]float64, len(w.routes)) // summed weights
	sum := 0.0
	for i := range w.routes {
		sum += w.routes[i].weight
		total[i] = sum
	}
	begin := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC).UnixMilli()
	window := o.Hours * 3600e3
	for i := range crashes {
		w.deaths = append(w.deaths, death{i % (containers - 2), begin + int64((0.08+0.9*r.Float64())*window)}) // two containers die twice
	}
	step := window / float64(o.Lines)
	w.events = make([]event, o.Lines)
	for i := range w.events {
		q := &w.events[i]
		q.end = begin + int64(step*float64(i)) + int64(r.IntN(4)) // nearly sorted, as logs are
		q.container = int16(r.IntN(containers))
		switch x := r.Float64(); {
		case x < 0.004:
			q.kind = errorLine
		case x < 0.08:
			q.kind = appLine
		}
		if q.route = w.culprit; r.IntN(3000) != 0 {
			q.route = min(int32(sort.SearchFloat64s(total, r.Float64()*sum)), w.culprit-1)
		}
		e := &w.routes[q.route]
		q.duration = int64(1000 * math.Exp(e.mu+e.sigma*r.NormFloat64()))
		if r.IntN(400) == 0 {
			q.duration *= 20
		}
		q.duration = min(q.duration, 60e6)
		switch y := r.IntN(1000); {
		case y < 6:
			q.status = 500
		case y < 40:
			q.status = 404
		case y < 60:
			q.status = 302
		case y < 120:
			q.status = 201
		default:
			q.status = 200
		}
	}
	// Five to nine exports of 10 to 50 s are open in the last minute before each death, on the container that dies.
	for _, d := range w.deaths {
		for range 5 + r.IntN(5) {
			end := d.at - int64(r.IntN(20_000))
			if i := int(float64(end-begin) / step); i >= 0 && i < len(w.events) {
				w.events[i] = event{end, int64(10e6 + 40e6*r.Float64()), w.culprit, int16(d.container), 503, request}
			}
		}
	}
	for range containers {
		id := make([]byte, 64)
		for j := range id {
			id[j] = hexDigits[r.IntN(16)]
		}
		w.ids = append(w.ids, string(id))
		w.hosts = append(w.hosts, fmt.Sprintf("ip-10-0-%d-%d.eu-west-3.compute.internal", r.IntN(4), r.IntN(255)))
	}
	return w
}

func (w *world) drawRoutes(r *rand.Rand) {
	names := words()
	methods := []string{"GET", "GET", "GET", "POST", "PUT", "PATCH", "DELETE"}
	for len(w.routes) < 120 {
		segments := []string{"api", "v" + strconv.Itoa(1+r.IntN(2)), names[r.IntN(len(names))]}
		for range r.IntN(4) {
			switch r.IntN(10) {
			case 0, 1, 2:
				segments = append(segments, "{n}")
			case 3, 4:
				segments = append(segments, "{u}")
			case 5:
				segments = append(segments, "{h}")
			default:
				segments = append(segments, names[r.IntN(len(names))])
			}
		}
		if slices.ContainsFunc(w.routes, func(e route) bool { return slices.Equal(e.segments, segments) }) {
			continue
		}
		w.routes = append(w.routes, route{
			method: methods[r.IntN(len(methods))], segments: segments, weight: 1 / math.Pow(float64(len(w.routes)+1), 0.9),
			mu: math.Log(8 + 120*r.Float64()*r.Float64()), sigma: 0.5 + 0.5*r.Float64(), query: r.IntN(3),
		})
	}
	w.culprit = int32(len(w.routes))
	w.routes = append(w.routes, route{method: "POST", segments: []string{"api", "v1", "reports", "{n}", "export"}, mu: math.Log(2500), sigma: 0.6, query: 1})
}

// files are the log files being written.
type files struct {
	router, access, pino, datadog *bufio.Writer
	handles                       []*os.File
}

func (o *files) open(dir string) error {
	for _, x := range []struct {
		name string
		into **bufio.Writer
	}{{Router, &o.router}, {Access, &o.access}, {Pino, &o.pino}, {Datadog, &o.datadog}} {
		f, err := os.Create(filepath.Join(dir, x.name))
		if err != nil {
			return err
		}
		o.handles = append(o.handles, f)
		*x.into = bufio.NewWriterSize(f, 1<<20)
	}
	return nil
}

func (o *files) close() error {
	var err error
	for _, w := range []*bufio.Writer{o.router, o.access, o.pino, o.datadog} {
		if w != nil {
			err = errors.Join(err, w.Flush())
		}
	}
	for _, f := range o.handles {
		err = errors.Join(err, f.Close())
	}
	return err
}

// line is an event with what its lines say beside it.
type line struct {
	*event
	method, container, id, host string
	path, query, uuid           []byte
	ip, userAgent               string
	bytes, user, port, odd      int // odd: below 1000, chooses the oddity of a Datadog line
	trace                       uint64
}

func (w *world) write(r *rand.Rand, out *files) error {
	agents := userAgents()
	var (
		buf  = make([]byte, 0, 8192)
		l    line
		emit = func(to io.Writer, b []byte) error { _, err := to.Write(b); return err }
	)
	for i := range w.events {
		e := &w.routes[w.events[i].route]
		l.event, l.method = &w.events[i], e.method
		l.path = l.path[:0]
		for _, p := range e.segments {
			l.path = append(l.path, '/')
			switch p {
			case "{n}":
				l.path = strconv.AppendInt(l.path, int64(1+r.IntN(2_000_000)), 10)
			case "{u}":
				l.path = appendUUID(l.path, r)
			case "{h}":
				for range 24 {
					l.path = append(l.path, hexDigits[r.IntN(16)])
				}
			default:
				l.path = append(l.path, p...)
			}
		}
		l.query = l.query[:0]
		if e.query == 2 || e.query == 1 && r.IntN(2) == 0 {
			l.query = append(strconv.AppendInt(append(l.query, "?page="...), int64(r.IntN(50)), 10), "&limit=20&sort=created_at"...)
		}
		l.uuid = appendUUID(l.uuid[:0], r)
		l.ip = fmt.Sprintf("%d.%d.%d.%d", 2+r.IntN(200), r.IntN(256), r.IntN(256), r.IntN(256))
		l.userAgent = agents[r.IntN(len(agents))]
		l.bytes = 200 + r.IntN(30_000)
		l.container = "web-" + strconv.Itoa(int(l.event.container)+1)
		l.id, l.host = w.ids[l.event.container], w.hosts[l.event.container]
		l.user, l.trace, l.odd, l.port = 1+r.IntN(300_000), r.Uint64(), r.IntN(1000), 1024+r.IntN(60_000)

		buf = l.datadog(buf[:0], r)
		err := emit(out.datadog, buf)
		if err == nil {
			buf = l.pino(buf[:0])
			err = emit(out.pino, buf)
		}
		if err == nil {
			buf = l.router(buf[:0])
			err = emit(out.router, buf)
		}
		if err == nil && l.kind == request {
			buf = l.access(buf[:0])
			err = emit(out.access, buf)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *line) milliseconds() int64 { return l.duration / 1000 }

func (l *line) router(b []byte) []byte {
	b = time.UnixMilli(l.end).UTC().AppendFormat(b, "2006-01-02T15:04:05.000000+00:00")
	if l.kind != request {
		return fmt.Appendf(b, " app[%s]: cache refresh finished in 12ms\n", l.container)
	}
	at := "info"
	if l.status >= 500 {
		at = `error code=H13 desc="Connection closed without response"`
	}
	return fmt.Appendf(b, ` heroku[router]: at=%s method=%s path="%s%s" host=api.example.com request_id=%s fwd="%s" dyno=%s connect=0ms service=%dms status=%d bytes=%d protocol=https`+"\n",
		at, l.method, l.path, l.query, l.uuid, l.ip, l.container, l.milliseconds(), l.status, l.bytes)
}

func (l *line) access(b []byte) []byte {
	b = append(append(b, l.ip...), " - - ["...)
	b = time.UnixMilli(l.end).UTC().AppendFormat(b, "02/Jan/2006:15:04:05 -0700")
	return fmt.Appendf(b, `] "%s %s%s HTTP/1.1" %d %d "-" "%s" %.3f %s`+"\n",
		l.method, l.path, l.query, l.status, l.bytes, l.userAgent, float64(l.milliseconds())/1000, l.container)
}

func (l *line) pino(b []byte) []byte {
	level := 30
	if l.status >= 500 || l.kind == errorLine {
		level = 50
	}
	b = fmt.Appendf(b, `{"level":%d,"time":%d,"pid":17,"hostname":"%s"`, level, l.end, l.container)
	if l.kind != request {
		return fmt.Appendf(b, `,"tenant":%d,"msg":"cache refresh \"finished\" in 12ms"}`+"\n", l.user)
	}
	return fmt.Appendf(b, `,"req":{"id":"%s","method":"%s","url":"%s%s","query":{},"params":{},"headers":{"host":"api.example.com","user-agent":"%s","accept":"application/json","x-request-id":"%s"},"remoteAddress":"%s","remotePort":%d},"res":{"statusCode":%d,"headers":{"content-type":"application/json; charset=utf-8","content-length":"%d"}},"responseTime":%d,"msg":"request completed"}`+"\n",
		l.uuid, l.method, l.path, l.query, l.userAgent, l.uuid, l.ip, l.port, l.status, l.bytes, l.milliseconds())
}

func (l *line) datadog(b []byte, r *rand.Rand) []byte {
	b = append(b, '{')
	attributesFirst := l.odd < 30
	if attributesFirst {
		b = append(l.datadogAttributes(b), ',')
	}
	b = append(b, `"_id":"AZ`...)
	for range 28 {
		b = append(b, idDigits[r.IntN(64)])
	}
	b = append(b, `","date":"`...)
	b = time.UnixMilli(l.end).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	status := "info"
	switch {
	case l.kind == errorLine, l.status >= 500:
		status = "error"
	case l.status >= 400:
		status = "warn"
	}
	b = fmt.Appendf(b, `","service":"storefront-api","host":"%s","source":"nodejs","status":"%s","message":"`, l.host, status)
	switch l.kind {
	case request:
		b = fmt.Appendf(b, `%s %s %d %dms`, l.method, l.path, l.status, l.milliseconds())
		switch {
		case l.odd >= 30 && l.odd < 36: // a decoy inside the message
			b = append(b, ` slow query {\"duration\":123456,\"path\":\"/api/v1/decoy\",\"sql\":\"select \\\"a\\\"\"}`...)
		case l.odd >= 36 && l.odd < 60:
			b = append(b, ` user=\u00e9lodie caf\u00e9 \"ok\"`...)
		}
	case appLine:
		b = fmt.Appendf(b, `cache refresh finished for tenant %d in 12ms, \"hits\"=431`, l.user)
	case errorLine:
		b = append(b, `UnhandledPromiseRejection: Error: connect ETIMEDOUT 10.0.3.7:5432`...)
		for range 12 {
			b = append(b, `\n    at Object.<anonymous> (/app/node_modules/pg-pool/index.js:45:11)`...)
		}
	}
	b = fmt.Appendf(b, `","tags":["env:production","source:nodejs","container_id:%s","container_name:%s","image_name:registry.example.com/storefront-api","version:2026.11.3","region:eu-west-3"]`, l.id, l.container)
	if !attributesFirst {
		b = l.datadogAttributes(append(b, ','))
	}
	return append(b, "}\n"...)
}

func (l *line) datadogAttributes(b []byte) []byte {
	if l.kind != request {
		return fmt.Appendf(b, `"attributes":{"logger":{"name":"app","thread_name":"main"},"pid":17,"dd":{"trace_id":"%d"}}`, l.trace)
	}
	status := strconv.Itoa(int(l.status))
	if l.odd >= 60 && l.odd < 80 { // numbers as strings
		status = `"` + status + `"`
	}
	b = fmt.Appendf(b, `"attributes":{"http":{"method":"%s","status_code":%s,"url":"https://api.example.com%s%s","url_details":{"scheme":"https","host":"api.example.com","path":"`,
		l.method, status, l.path, l.query)
	for _, c := range l.path {
		if c == '/' && l.odd >= 80 && l.odd < 90 { // escaped slashes, as PHP and some Java encoders write them
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	b = fmt.Appendf(b, `"},"useragent":"%s","request_id":"%s","version":"1.1"},`, l.userAgent, l.uuid)
	if l.odd >= 90 && l.odd < 120 { // nested decoys before the real ones
		b = append(b, `"db":{"duration":987654321,"path":"/decoy/1","statement":"select 1"},`...)
	}
	return fmt.Appendf(b, `"duration":%d,"network":{"bytes_written":%d,"client":{"ip":"%s"}},"usr":{"id":"%d","plan":"pro"},"dd":{"trace_id":"%d","span_id":"%d"}}`,
		l.milliseconds()*1_000_000, l.bytes, l.ip, l.user, l.trace, l.trace>>3)
}

func appendUUID(b []byte, r *rand.Rand) []byte {
	high, low := r.Uint64(), r.Uint64()
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			b = append(b, '-')
		}
		from := &high
		if i >= 16 {
			from = &low
		}
		b = append(b, hexDigits[*from&15])
		*from >>= 4
	}
	return b
}
