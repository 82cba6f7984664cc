// Package record is the input model: what was observed, before anything is concluded.
//
// Collectors turn evidence (files, Datadog answers, profiles) into the plain structs of this package and push them into a
// [Sink]. Every record carries the [Pos] it came from, so that each line of a report can cite the line, point or profile that
// it rests on. Values are in base units: bytes, seconds (for samples), [time.Duration], UTC. Nothing here formats, guesses or
// concludes, and the package imports nothing but the standard library.
//
// Records that are passed to a Sink, and every byte slice in them, are valid only until the call returns: collectors reuse
// them. A Sink that keeps something copies it.
package record

import (
	"context"
	"math"
	"time"
)

// Time is an instant in nanoseconds since the Unix epoch, UTC. Zero means unknown. An int64 rather than a time.Time because
// ten million requests carry two of them each.
type Time int64

// TimeOf converts t; instants outside 1678..2261 do not fit and become 0, unknown.
func TimeOf(t time.Time) Time {
	if y := t.Year(); t.IsZero() || y < 1679 || y > 2261 {
		return 0
	}
	return Time(t.UnixNano())
}

// Std converts back; unknown becomes the zero time.Time.
func (t Time) Std() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(t)).UTC()
}

// Add returns t+d; unknown stays unknown, and an overflow becomes the largest instant.
func (t Time) Add(d time.Duration) Time {
	if t == 0 {
		return 0
	}
	s := int64(t) + int64(d)
	if d > 0 && s < int64(t) {
		return math.MaxInt64
	}
	return Time(s)
}

// Sub returns t-u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Source is one input: a file, a stream, an API. Sources are created once and shared by pointer.
type Source struct {
	// Name is what a person would recognise: the path as given (inside an archive: "a.tar.gz!b.log"), "stdin", or
	// "datadog logs". Never a URL with credentials.
	Name string
	// Format is the recognised format, such as "scalingo-router", "pino", "datadog-logs", "metrics-csv".
	Format string
	// Near is a time that the evidence tells, for what in it names no year; 0 where none is known.
	Near Time
}

// Pos says where a record was read. The zero Pos means unknown.
type Pos struct {
	Source *Source
	// Line is the 1-based line (text), element (JSON array) or point number within the source; 0 means not applicable.
	Line int64
}

// Layer tells who wrote a request line, because the two see different halves: a router sees every request and when it gave
// up on it, but not whether the process went on working; an application sees only what it finished (and what it started, when
// it logs that).
type Layer uint8

// The layers.
const (
	LayerUnknown Layer = iota
	LayerRouter        // router, load balancer, reverse proxy, ingress, access log in front of the container
	LayerApp           // the process itself (pino, Datadog logs of the application, …)
)

// Phase tells what a request line stands for.
type Phase uint8

// The phases.
const (
	Completed Phase = iota // written when the request ended, for whoever wrote it
	Started                // written when it began; Duration is unknown
)

// Outcome is how the writer of the line saw the request end.
type Outcome uint8

// The outcomes. Only Answered means that the process is done with the request.
const (
	OutcomeUnknown Outcome = iota
	Answered               // a response of the process came back, whatever its status
	GaveUp                 // the router stopped waiting (504, H12): the process may still be working on it
	Cut                    // the connection to the process broke before a response (502, H13): what death looks like
	ClientGone             // the client left first (499, H27): the process may still be working on it
	Refused                // no process was reached (503 without a backend, H10, H21 on connect)
)

// MethodJob is the method of a request that is the run of a job: the work of a queue's worker.
const MethodJob = "JOB"

// Request is one line about one HTTP request, or about one run of a job by a queue's worker.
type Request struct {
	Pos     Pos
	Layer   Layer
	Phase   Phase
	Outcome Outcome
	// Retried reports whether the writer went on to another container with it: whoever asked did not see this outcome.
	Retried bool
	// Start is when the request began at the writer; End is when it ended (for Phase Started: equal to Start). Where the
	// line gives an end and a duration, Start = End - Duration. At least one is set in every request passed to a Sink.
	Start, End Time
	// Status is the HTTP status; 0 means none was given.
	Status int
	// Method is upper case; empty when the line has none.
	Method []byte
	// Path is the raw path as logged, with its query string if there was one.
	Path []byte
	// Route is the route template of the application's own router, such as "/users/:id"; empty when the line has none.
	Route []byte
	// ID is the request id (or trace id) that ties lines of one request together; empty when the line has none.
	ID []byte
	// Container is the name, as the line has it, of the container that served the request; empty when unknown.
	Container []byte
	// Instance is the id of one life of the container (container id, or pid when there is nothing better); usually empty.
	Instance []byte
	// Host, Service, Version and User are as logged; usually empty. User is an identifier of the caller (user id), Client
	// its network address.
	Host, Service, Version, User, Client []byte
}

// Metric names what a Sample measures.
type Metric uint8

// The metrics, with their units.
const (
	MetricUnknown      Metric = iota
	RSS                       // bytes: resident set of the process, or memory usage of its container
	WorkingSet                // bytes: container usage less inactive page cache
	HeapUsed                  // bytes: live and not yet collected (V8 heap_used, Go heap_alloc/heap_inuse, JVM used)
	HeapTotal                 // bytes: heap reserved (V8 heap_total, Go heap_sys, JVM committed)
	External                  // bytes: memory outside the managed heap that the runtime knows of (V8 external + array buffers, JVM non-heap)
	MemoryLimit               // bytes: limit of the container
	HeapLimit                 // bytes: limit of the managed heap (V8 heap_size_limit, GOMEMLIMIT, -Xmx)
	CPU                       // cores in use: 1.0 is one core
	EventLoopDelayMax         // seconds: longest delay of the event loop within the interval
	EventLoopDelayMean        // seconds
	GCPause                   // seconds spent in collection within the interval
	Goroutines                // count (threads for other runtimes)
	OOMEvents                 // count of OOM events since the container began, or within the interval
	Restarts                  // count of restarts of the container, cumulative
	RequestRate               // requests a second
)

var metricNames = [...]string{
	"unknown", "rss", "working_set", "heap_used", "heap_total", "external", "memory_limit", "heap_limit", "cpu",
	"event_loop_delay_max", "event_loop_delay_mean", "gc_pause", "goroutines", "oom_events", "restarts", "request_rate",
}

// String returns the name used in reports and captures, such as "heap_used".
func (m Metric) String() string {
	if int(m) < len(metricNames) {
		return metricNames[m]
	}
	return "unknown"
}

// MetricOf is the inverse of [Metric.String]; it returns MetricUnknown for other names.
func MetricOf(name string) Metric {
	for i, n := range metricNames {
		if n == name {
			return Metric(i)
		}
	}
	return MetricUnknown
}

// Sample is one point of one series.
type Sample struct {
	Pos    Pos
	Time   Time
	Metric Metric
	// Value is in the unit of the metric; never NaN or infinite.
	Value float64
	// Interval is the time that the point stands for (a rollup bucket that ends at Time); 0 for an instantaneous reading.
	Interval time.Duration
	// Container is the name of the container; Instance is the id of its life, or the pid; both as the source has them.
	Container, Instance, Service, Host, Version string
}

// CrashKind is how a process died, in the words of the report.
type CrashKind string

// The kinds.
const (
	CrashOOMKill     CrashKind = "oom_kill"     // killed for exceeding a memory limit (kernel, platform)
	CrashHeapLimit   CrashKind = "heap_limit"   // the runtime gave up: V8, JVM or Go heap limit reached
	CrashAbort       CrashKind = "abort"        // SIGABRT without a heap message
	CrashSegfault    CrashKind = "segfault"     // SIGSEGV, SIGBUS, SIGILL
	CrashException   CrashKind = "exception"    // an uncaught exception, panic, fatal error
	CrashHealthCheck CrashKind = "health_check" // killed because it did not answer
	CrashExit        CrashKind = "exit"         // ended by itself with a non-zero code and nothing more is known
	CrashSigterm     CrashKind = "sigterm"      // asked to stop; by itself not a crash
	CrashOther       CrashKind = "unknown"
)

// Crash is one sign that a process died or was about to: a platform's line, a kernel report, the runtime's last words. Several
// sources usually report one death; bringing them together is not the collector's task.
type Crash struct {
	Pos  Pos
	Time Time
	// Kind is what this one sign says; CrashOther when it only says that the process died.
	Kind CrashKind
	// Exited reports whether this sign says that the process ended (an exit status), as against words written before that.
	Exited bool
	// Final reports whether these are words that a process writes only as it ends; others may be of an error that it survives.
	Final bool
	// ExitCode is the exit status, -1 when unknown. 137 alone stays CrashOther: a memory kill only if something says so.
	ExitCode int
	// Signal is such as "SIGKILL"; empty when unknown.
	Signal string
	// LimitBytes is the limit that the sign names ("128MB/128MB"), UsedBytes the usage; 0 when unknown.
	LimitBytes, UsedBytes int64
	// Uptime is how long the process had lived; 0 when unknown.
	Uptime                                      time.Duration
	Container, Instance, Service, Host, Version string
	// Pod is the UID of the Kubernetes pod, where the source tells it: all that a kernel's report has of one whose container is gone.
	Pod string
	// Text is the line or message, cut to a few hundred bytes, for the report to quote.
	Text string
}

// LifecycleKind is what happened to a container or service, apart from dying.
type LifecycleKind string

// The kinds.
const (
	Starting          LifecycleKind = "starting"
	Up                LifecycleKind = "up"       // started, listening
	Stopping          LifecycleKind = "stopping" // asked to stop
	Stopped           LifecycleKind = "stopped"  // ended as asked (SIGTERM, exit 0 or 143)
	Restarting        LifecycleKind = "restarting"
	Cycling           LifecycleKind = "cycling" // the platform's daily restart
	Deploy            LifecycleKind = "deploy"
	DeployFinished    LifecycleKind = "deploy_finished"
	Scale             LifecycleKind = "scale"
	Maintenance       LifecycleKind = "maintenance" // a window announced or on; End may be set
	HealthCheckFailed LifecycleKind = "health_check_failed"
	Unreachable       LifecycleKind = "unreachable"     // the platform lost the container (host gone, hung) and moves it
	MembersChanged    LifecycleKind = "members_changed" // a dependency's list of live instances was refreshed
	MemoryPressure    LifecycleKind = "memory_pressure" // over quota, not yet killed (Heroku R14)
	HostDown          LifecycleKind = "host_down"
	// MainContainer is no event, and has no time: it says which container the others of its pod are companions of (see MainOf).
	MainContainer  LifecycleKind = "main_container"
	LifecycleOther LifecycleKind = "other"
)

// Lifecycle is one event in the life of a container, or of a whole service when Container is empty.
type Lifecycle struct {
	Pos  Pos
	Time Time
	// End is set for events that say how long they last (maintenance); 0 otherwise.
	End  Time
	Kind LifecycleKind
	// ExitCode is set for Stopped; -1 when unknown.
	ExitCode int
	// UsedBytes and LimitBytes are set where the event names them (R14); 0 when unknown.
	UsedBytes, LimitBytes int64
	// Merged counts the like events between the one before and this of which the source keeps no time (Kubernetes merges equal events).
	Merged int
	// Reason is the source's own word ("deploy", "Unhealthy", "scale down"), or [Listening] or [StartTime].
	Reason                                      string
	Container, Instance, Service, Host, Version string
	// Address is the network address of the container, where the source knows it (a pod's IP): a proxy in front may name it by that.
	Address string
	// Pod is the UID of the Kubernetes pod, where the source tells it.
	Pod  string
	Text string
}

// Reasons of an Up that says only that a process began, and never how one ended.
const (
	Listening = "listening"  // the application says that its server listens
	StartTime = "start time" // a metric tells when the process began
)

// RestartedItself is the reason of a LifecycleOther that tells that a container ended by itself, as it was meant to or not, and was started
// again.
const RestartedItself = "ended by itself and was restarted"

// NodeOutOfMemory is the reason of a MemoryPressure that is the machine's and no container's. It comes beside the Crash of who was killed.
const NodeOutOfMemory = "the node ran out of memory"

// Evicted is the reason of an end that nobody asked for: the platform put a container off its node, for its disk, say.
const Evicted = "Evicted"

// Job is one run of background work that a log tells of (a cron, a queue consumer): an explanation that rivals requests.
type Job struct {
	Pos        Pos
	Name       string
	Start, End Time // equal when only one instant is known
	Container  string
	Instance   string
}

// Message is what a process logged that is neither a request, nor a run of a job, nor a sign of its end. Its texts are valid only until
// the Sink returns: a Sink that keeps one must copy.
type Message struct {
	Pos                 Pos
	Time                Time
	Container, Instance []byte // empty when unknown
	Service             []byte
	Text                []byte // what the process wrote, without what a platform put before it
}

// Exposure is what a backend computed over many requests that are not seen one by one: counts and latency of one endpoint.
type Exposure struct {
	Pos      Pos
	From, To Time
	// Method and Route name the endpoint (Route may be a resource name or path template); Container is empty for the fleet.
	Method, Route, Container, Service string
	Count                             float64
	Errors                            float64
	// P50, P99 and Max are latencies in seconds; NaN when unknown.
	P50, P99, Max float64
}

// Profile is one profile as it was found; parsing it is the analyzer's task.
type Profile struct {
	Pos  Pos
	Name string // file name or URL path, without credentials
	// Data is the profile's bytes, possibly gzipped.
	Data []byte
	// Time and Container come from the name, the folder or the answer that held it; zero when unknown (the profile may say).
	Time      Time
	Container string
	Instance  string
	Version   string
	// OnOOM is true for a profile that the runtime wrote as it ran out of memory.
	OnOOM bool
}

// Warning is bad or surprising input that was counted rather than dropped. Sinks merge warnings with equal Code, Text and source:
// one code may stand for several kinds of damage, each with a Text of its own.
type Warning struct {
	// Code is stable and short: "malformed_line", "no_timezone", "truncated_gzip", "unknown_format", "line_too_long".
	Code string
	Pos  Pos
	// Count is how many times; at least 1.
	Count int64
	// Text says what it means and what was done about it; Example quotes at most 200 bytes of the first case.
	Text, Example string
}

// Coverage says what one source gave for one signal, or why it gave nothing.
type Coverage struct {
	Source *Source
	// Signal is "requests", "memory", "cpu", "crashes", "lifecycle", "profiles", "exposure", "jobs".
	Signal   string
	From, To Time // of the records seen; 0 when none
	Records  int64
	// MissingReason is why the signal is absent or partial; empty when it is whole.
	MissingReason string
	// Sampled is the fraction of the records that was fetched, in (0, 1]; 0 means all.
	Sampled float64
	// Container narrows the row to one container; empty means all. Where a source was sampled by windows, a row with Sampled set
	// tells the fraction, and one row per window (with From, To and Container) tells where every record was fetched.
	Container string
}

// Sink takes records. The methods of one Sink are called from one goroutine at a time; to write from several, each takes its
// own with Fork and calls Join when done. An error from a Sink (disk full, cancelled) ends the collection.
type Sink interface {
	Request(*Request) error
	Sample(*Sample) error
	Crash(*Crash) error
	Lifecycle(*Lifecycle) error
	Job(*Job) error
	Message(*Message) error
	Exposure(*Exposure) error
	Profile(*Profile) error
	Warn(*Warning) error
	Cover(*Coverage) error
	// Fork returns a Sink for another goroutine. It is cheap enough to call once per file or chunk worker.
	Fork() Sink
	// Join hands what a forked Sink gathered to the Sink it came from. The forked Sink must not be used after. Join on a
	// Sink that was not forked does nothing.
	Join() error
}

// Discard is a Sink that takes everything and keeps nothing.
type Discard struct{}

var _ Sink = Discard{}

// Request and the other methods of [Sink] do nothing.
func (Discard) Request(*Request) error { return nil }

// Sample does nothing.
func (Discard) Sample(*Sample) error { return nil }

// Crash does nothing.
func (Discard) Crash(*Crash) error { return nil }

// Lifecycle does nothing.
func (Discard) Lifecycle(*Lifecycle) error { return nil }

// Job does nothing.
func (Discard) Job(*Job) error { return nil }

// Message does nothing.
func (Discard) Message(*Message) error { return nil }

// Exposure does nothing.
func (Discard) Exposure(*Exposure) error { return nil }

// Profile does nothing.
func (Discard) Profile(*Profile) error { return nil }

// Warn does nothing.
func (Discard) Warn(*Warning) error { return nil }

// Cover does nothing.
func (Discard) Cover(*Coverage) error { return nil }

// Fork returns another Discard.
func (d Discard) Fork() Sink { return d }

// Join does nothing.
func (Discard) Join() error { return nil }

// Query is the question a Collector answers.
type Query struct {
	// From and To bound the time; zero means unbounded (files) or the collector's default (live sources).
	From, To Time
	// Service and Env narrow the question; empty means any.
	Service, Env string
}

// Collector pulls evidence from one kind of source into a Sink.
type Collector interface {
	// Name is short and stable: "files", "datadog", "pprof", "capture".
	Name() string
	// Collect pushes all records that answer q. It honours cancellation at once and returns ctx.Err() then. A source that
	// fails in part is told with Sink.Cover and Sink.Warn, and is no error; an error means that nothing useful could be had.
	Collect(ctx context.Context, q Query, sink Sink) error
}
