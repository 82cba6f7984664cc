package evidence

import (
	"bytes"

	"lastcall/collectors/record"
)

// datadogDialect reads Datadog logs as the Logs List API gives them, one per line, and as log archives hold them:
//
//	{"id":"AgAA","type":"log","attributes":{"timestamp":"2026-11-16T14:15:50.772Z","host":"web-4","service":"api","message":"request
//	 completed","tags":["env:production","container:web-4"],"attributes":{"http":{"method":"GET","url_details":{"path":"/api/x"},
//	 "status_code":200},"duration":18776855}}}
//	{"_id":"AZ","date":"2026-11-20T08:00:00.001Z","host":"ip-10-0-1-2","service":"api","message":"…","tags":[…],"attributes":{…}}
//
// The standard attributes name the request; duration is nanoseconds. Where a pino log was shipped as it was, its own names are
// there instead (req, res, responseTime). The timestamp of a request is its end. Source: Datadog documentation, "Standard
// Attributes", "Log archives", API "Search logs".
type datadogDialect struct {
	archive bool // the names that stand at the top of an archive's line are below "attributes" in the API's
}

const (
	ddType = iota
	ddTime
	ddHost
	ddService
	ddMessage
	ddMethod
	ddURL
	ddPath
	ddRoute
	ddStatus
	ddRequestID
	ddDuration
	ddClient
	ddUser
	ddVersion
	ddReqID
	ddReqMethod
	ddReqURL
	ddReqAddress
	ddHeaderID
	ddResStatus
	ddResponseTime
	ddUserID
	ddPlainRoute
	ddHostname
	ddPID
	ddPinoReqID
	ddTimestamp // archive: another name of the date
)

func (d datadogDialect) name() string { return "datadog-logs" }

func (d datadogDialect) paths() []string {
	top := []string{"type", "attributes.timestamp", "attributes.host", "attributes.service", "attributes.message"}
	attributes, tags := "attributes.attributes.", "attributes.tags[]"
	if d.archive {
		top = []string{"_id", "date", "host", "service", "message"}
		attributes, tags = "attributes.", "tags[]"
	}
	paths := top
	for _, p := range []string{
		"http.method", "http.url", "http.url_details.path", "http.route", "http.status_code", "http.request_id", "duration",
		"network.client.ip", "usr.id", "version", "req.id", "req.method", "req.url", "req.remoteAddress", "req.headers.x-request-id",
		"res.statusCode", "responseTime", "userId", "route", "hostname", "pid", "reqId",
	} {
		paths = append(paths, attributes+p)
	}
	return append(paths, "timestamp", tags)
}

func (d datadogDialect) needs() []int {
	if d.archive {
		return []int{ddTime}
	}
	return []int{ddTime, ddType}
}

func (d datadogDialect) take(l *jsonLine, sink record.Sink) (bool, error) {
	if d.archive {
		if !l.has(ddType) && len(l.scan.tags) == 0 && !l.has(ddDuration) && !l.has(ddMethod) {
			return false, nil
		}
	} else if string(l.raw(ddType)) != "log" {
		return false, nil
	}
	t, ok, err := l.time(l.at(ddTime), sink)
	if err != nil {
		return true, err
	}
	if !ok {
		return l.malformed(sink, "a Datadog log whose time is none; it was left out")
	}
	tags := &l.tags
	l.datadogTags(tags)
	host := l.text(bufHost, ddHost)
	container := tags.container()
	if len(container) == 0 {
		if container = l.text(bufContainer, ddHostname); len(container) == 0 {
			container = host
		}
	}
	service := l.text(bufService, ddService)
	if len(service) == 0 {
		service = tags.service
	}
	version := tags.version
	if len(version) == 0 {
		version = l.text(bufVersion, ddVersion)
	}
	took, scale := l.raw(ddDuration), 0
	if took == nil {
		took, scale = l.raw(ddResponseTime), 6
	}
	path := l.text(bufPath, ddPath, ddReqURL)
	if path == nil {
		path = pathOfURL(l.text(bufPath, ddURL))
	}
	isRequest := len(path) > 0 || l.has(ddMethod) && l.has(ddStatus) || l.has(ddResStatus)
	completed := isRequest && took != nil
	started := isRequest && !completed && !l.has(ddStatus) && !l.has(ddResStatus) && saysStarted(l.raw(ddMessage))
	if !completed && !started {
		return true, l.message(t, container, tags.containerID, service, host, version, l.unescaped(bufMessage, l.at(ddMessage)), sink)
	}
	layer := record.LayerApp
	if isProxy(tags.source) || isProxy(service) {
		layer = record.LayerRouter
	}
	r := l.request(layer)
	r.Method = upperMethod(l.text(bufMethod, ddMethod, ddReqMethod))
	r.Path = path
	r.Route = l.text(bufRoute, ddRoute, ddPlainRoute)
	r.ID = l.text(bufID, ddRequestID, ddHeaderID, ddReqID, ddPinoReqID)
	r.Container, r.Instance, r.Host, r.Service, r.Version = container, tags.containerID, host, service, version
	if len(r.Instance) == 0 {
		r.Instance = l.text(bufInstance, ddPID)
	}
	r.User = l.text(bufUser, ddUser, ddUserID)
	r.Client = l.text(bufClient, ddClient, ddReqAddress)
	r.End = t
	if started {
		r.Phase, r.Outcome, r.Start = record.Started, record.OutcomeUnknown, t
		return true, sink.Request(r)
	}
	took2, ok := durationOf(took, scale)
	if !ok {
		return l.malformed(sink, "a Datadog log whose duration is no time; it was left out")
	}
	r.Start = t - record.Time(took2)
	for _, i := range [...]int{ddStatus, ddResStatus} {
		if l.has(i) {
			if r.Status, ok = statusOf(l.raw(i)); !ok {
				return l.malformed(sink, "a Datadog log whose status code is no HTTP status; it was left out")
			}
			break
		}
	}
	switch {
	case layer == record.LayerRouter:
		r.Outcome = routerOutcome(r.Status, nil, true)
	case r.Status == 499:
		r.Outcome = record.ClientGone
	}
	return true, sink.Request(r)
}

// datadogTagSet holds the tags that say who wrote a log.
type datadogTagSet struct {
	pod, containerName, containerTag, dyno, task, containerID, service, version, source []byte
}

// container is the most telling name there is: in Kubernetes every pod has the same container names.
func (t *datadogTagSet) container() []byte {
	for _, b := range [...][]byte{t.pod, t.containerTag, t.containerName, t.dyno, t.task} {
		if len(b) > 0 {
			return b
		}
	}
	return nil
}

func (l *jsonLine) datadogTags(t *datadogTagSet) {
	*t = datadogTagSet{}
	for _, v := range l.scan.tags {
		raw := l.scan.raw(v)
		if len(raw) < 4 || v.escaped {
			continue
		}
		switch raw[0] {
		case 'c':
			if !tagValue(&t.containerName, raw, "container_name:") && !tagValue(&t.containerID, raw, "container_id:") {
				tagValue(&t.containerTag, raw, "container:")
			}
		case 'p':
			tagValue(&t.pod, raw, "pod_name:")
		case 'k':
			if !tagValue(&t.pod, raw, "kube_pod_name:") && !tagValue(&t.pod, raw, "kube_pod:") && len(t.containerName) == 0 {
				tagValue(&t.containerName, raw, "kube_container_name:")
			}
		case 'd':
			if !tagValue(&t.dyno, raw, "dyno:") && len(t.containerName) == 0 {
				tagValue(&t.containerName, raw, "display_container_name:")
			}
		case 't':
			tagValue(&t.task, raw, "task_arn:")
		case 'e':
			tagValue(&t.task, raw, "ecs_task:")
		case 's':
			if !tagValue(&t.source, raw, "source:") {
				tagValue(&t.service, raw, "service:")
			}
		case 'v':
			tagValue(&t.version, raw, "version:")
		}
	}
}

func tagValue(to *[]byte, raw []byte, key string) bool {
	if len(raw) < len(key) || string(raw[:len(key)]) != key {
		return false
	}
	*to = raw[len(key):]
	return true
}

// wantedDatadogTag says whether a tag ("container_name:web-3") is one of those above, by its first letters.
func wantedDatadogTag(raw []byte) bool {
	if len(raw) < 4 {
		return false
	}
	switch raw[0] {
	case 'c':
		return bytes.HasPrefix(raw, []byte("container"))
	case 'p':
		return bytes.HasPrefix(raw, []byte("pod_name:"))
	case 'k':
		return bytes.HasPrefix(raw, []byte("kube_pod")) || bytes.HasPrefix(raw, []byte("kube_container"))
	case 'd':
		return bytes.HasPrefix(raw, []byte("dyno:")) || bytes.HasPrefix(raw, []byte("display_container_name:"))
	case 't', 'e':
		return bytes.HasPrefix(raw, []byte("task_arn:")) || bytes.HasPrefix(raw, []byte("ecs_task:"))
	case 's':
		return bytes.HasPrefix(raw, []byte("service:")) || bytes.HasPrefix(raw, []byte("source:"))
	case 'v':
		return bytes.HasPrefix(raw, []byte("version:"))
	}
	return false
}

// isProxy recognises the sources and services of what stands in front of an application.
func isProxy(name []byte) bool {
	switch string(name) {
	case "nginx", "nginx-ingress-controller", "ingress-nginx", "apache", "httpd", "haproxy", "envoy", "traefik", "caddy", "elb", "alb",
		"heroku", "router", "istio", "istio-proxy", "kong", "cloudfront", "cloudflare", "fastly", "varnish":
		return true
	}
	return false
}

// pathOfURL cuts scheme and host off a URL; a path stays as it is.
func pathOfURL(u []byte) []byte {
	i := bytes.Index(u, []byte("://"))
	if i < 0 || i > 8 {
		return u
	}
	rest := u[i+3:]
	if j := bytes.IndexByte(rest, '/'); j >= 0 {
		return rest[j:]
	}
	return []byte("/")
}

// datadogLogs is jsonLines for Datadog's logs alone.
type datadogLogs struct{}

func (datadogLogs) lines() *jsonLines {
	return newJSONLines(nil, datadogDialect{}, datadogDialect{archive: true})
}

func (datadogLogs) NewParser(src *record.Source) LineParser {
	return datadogLogs{}.lines().NewParser(src)
}
