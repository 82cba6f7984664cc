package evidence

import (
	"bytes"

	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/jsonscan"
	"lastcall/collectors/evidence/internal/outcome"
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
		if !l.has(ddType) && !l.scan.Tagged && !l.has(ddDuration) && !l.has(ddMethod) {
			return false, nil
		}
	} else if string(l.raw(ddType)) != "log" {
		return false, nil
	}
	t, ok, err := l.lineTime(l.at(ddTime), sink, "a Datadog log")
	if err != nil || !ok {
		return true, err
	}
	q, isRequest := d.request(l)
	if isRequest && q.took == jsonscan.None {
		isRequest, q.byWords = q.status == jsonscan.None && saysStarted(l.raw(ddMessage)), true
	}
	if !isRequest {
		q.texts[bufInstance] = l.tags.containerID
		return true, l.say(&q, t, sink)
	}
	return l.send(d, &q, t, sink)
}

// request says where the line has its request, or who wrote it and when if it is about none: isRequest is false then.
func (d datadogDialect) request(l *jsonLine) (q jsonRequest, isRequest bool) {
	tags := &l.tags
	l.datadogTags(tags)
	q = newJSONRequest()
	if !d.archive {
		q.decided = l.ref(ddType)
	}
	q.time, q.message, q.source = l.ref(ddTime), l.ref(ddMessage), tags.source
	q.status = l.ref(ddStatus, ddResStatus)
	q.took, q.scale = l.ref(ddDuration), 0
	if q.took == jsonscan.None {
		q.took, q.scale = l.ref(ddResponseTime), 6
	}
	path := l.textRef(ddPath, ddReqURL)
	if path == jsonscan.None {
		path, q.url = l.textRef(ddURL), true
	}
	host := l.textRef(ddHost)
	q.texts = [...]jsonscan.Ref{
		bufMethod: l.textRef(ddMethod, ddReqMethod),
		bufPath:   path,
		bufRoute:  l.textRef(ddRoute, ddPlainRoute),
		bufID:     l.textRef(ddRequestID, ddHeaderID, ddReqID, ddPinoReqID),
		// The most telling name there is: in Kubernetes every pod has the same container names.
		bufContainer: firstRef(tags.pod, tags.containerTag, tags.containerName, tags.dyno, tags.task, l.textRef(ddHostname), host),
		bufInstance:  firstRef(tags.containerID, l.textRef(ddPID)),
		bufHost:      host,
		bufService:   firstRef(l.textRef(ddService), tags.service),
		bufVersion:   firstRef(tags.version, l.textRef(ddVersion)),
		bufUser:      l.textRef(ddUser, ddUserID),
		bufClient:    l.textRef(ddClient, ddReqAddress),
	}
	return q, path != jsonscan.None || l.has(ddMethod) && l.has(ddStatus) || l.has(ddResStatus)
}

func firstRef(refs ...jsonscan.Ref) jsonscan.Ref {
	for _, r := range refs {
		if r != jsonscan.None {
			return r
		}
	}
	return jsonscan.None
}

func (datadogDialect) layer(source, service []byte) record.Layer {
	if isProxy(source) || isProxy(service) {
		return record.LayerRouter
	}
	return record.LayerApp
}

func (datadogDialect) outcome(layer record.Layer, status int, _ []byte) record.Outcome {
	switch {
	case layer == record.LayerRouter:
		return outcome.OfRouter(status, nil, true)
	case status == 499:
		return record.ClientGone
	}
	return record.Answered
}

func (datadogDialect) complaints() (took, status string) {
	return "a Datadog log whose duration is no time; it was left out",
		"a Datadog log whose status code is no HTTP status; it was left out"
}

// datadogTagSet names the tags that say who wrote a log.
type datadogTagSet struct {
	pod, containerName, containerTag, dyno, task, containerID, service, version, source jsonscan.Ref
}

func (l *jsonLine) datadogTags(t *datadogTagSet) {
	*t = datadogTagSet{jsonscan.None, jsonscan.None, jsonscan.None, jsonscan.None, jsonscan.None, jsonscan.None, jsonscan.None, jsonscan.None, jsonscan.None}
	for i, v := range l.scan.Tags {
		raw := l.scan.Raw(v)
		if len(raw) < 4 || v.Escaped {
			continue
		}
		ref := jsonscan.FirstTag - jsonscan.Ref(i)
		switch raw[0] {
		case 'c':
			if !tagRef(&t.containerName, ref, raw, "container_name:") && !tagRef(&t.containerID, ref, raw, "container_id:") {
				tagRef(&t.containerTag, ref, raw, "container:")
			}
		case 'p':
			tagRef(&t.pod, ref, raw, "pod_name:")
		case 'k':
			if !tagRef(&t.pod, ref, raw, "kube_pod_name:") && !tagRef(&t.pod, ref, raw, "kube_pod:") && t.containerName == jsonscan.None {
				tagRef(&t.containerName, ref, raw, "kube_container_name:")
			}
		case 'd':
			if !tagRef(&t.dyno, ref, raw, "dyno:") && t.containerName == jsonscan.None {
				tagRef(&t.containerName, ref, raw, "display_container_name:")
			}
		case 't':
			tagRef(&t.task, ref, raw, "task_arn:")
		case 'e':
			tagRef(&t.task, ref, raw, "ecs_task:")
		case 's':
			if !tagRef(&t.source, ref, raw, "source:") {
				tagRef(&t.service, ref, raw, "service:")
			}
		case 'v':
			tagRef(&t.version, ref, raw, "version:")
		}
	}
}

// tagRef keeps a tag that has the key; of several the last counts, and one without a value is none.
func tagRef(to *jsonscan.Ref, ref jsonscan.Ref, raw []byte, key string) bool {
	if len(raw) < len(key) || string(raw[:len(key)]) != key {
		return false
	}
	*to = ref
	if len(raw) == len(key) {
		*to = jsonscan.None
	}
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

// datadogLogs is jsonLines for Datadog's logs alone.
type datadogLogs struct{}

func (datadogLogs) lines() *jsonLines {
	return newJSONLines(nil, datadogDialect{}, datadogDialect{archive: true})
}

func (datadogLogs) NewParser(src *record.Source) format.LineParser {
	return datadogLogs{}.lines().NewParser(src)
}
