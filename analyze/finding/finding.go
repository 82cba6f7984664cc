// Package finding is the output model: what was concluded, with the evidence it rests on.
//
// A [Report] is built by the analyzer and is all that a renderer sees; its JSON form is the report's JSON form, so that any
// format can be made later from a saved report. Values are in base units (bytes, seconds, UTC); slices are in the order in
// which they are to be shown; nothing here formats. The package imports the standard library only.
package finding

import "time"

// SchemaVersion is the version of the JSON form.
const SchemaVersion = "1"

// Cause is why the containers died, or why nothing is wrong.
type Cause string

// The causes.
const (
	RequestBurst   Cause = "request_burst"   // one request, or a few at once, took the memory within their own lifetime
	RequestLeak    Cause = "request_leak"    // memory kept per request of an endpoint adds up
	BackgroundLeak Cause = "background_leak" // memory grows whatever the requests do
	Capacity       Cause = "capacity"        // no leak: the load simply exceeds the limit
	CPUStall       Cause = "cpu_stall"       // a request holds the CPU or event loop until a health check kills
	RequestCrash   Cause = "request_crash"   // a request makes the process die without memory playing a part
	HungDependency Cause = "hung_dependency" // something hangs and slow requests are its fallout
	PlannedRestart Cause = "planned_restart" // deploy, scale, maintenance
	HostFailure    Cause = "host_failure"    // several services of one host at once
	None           Cause = "none"            // nothing wrong in what was seen
	Undetermined   Cause = "undetermined"    // something is wrong and the evidence cannot say what
)

// Harmless reports whether the cause says that nothing is wrong.
func (c Cause) Harmless() bool { return c == None || c == PlannedRestart }

// Grade is how sure a finding is.
type Grade string

// The grades, from the surest. An endpoint is accused at Likely or above only.
const (
	Conclusive   Grade = "conclusive"
	Likely       Grade = "likely"
	Possible     Grade = "possible"
	Insufficient Grade = "insufficient"
)

// Rank orders grades: 3 for Conclusive down to 0 for Insufficient (and for anything unknown).
func (g Grade) Rank() int {
	switch g {
	case Conclusive:
		return 3
	case Likely:
		return 2
	case Possible:
		return 1
	}
	return 0
}

// Role is the part an endpoint plays.
type Role string

// The roles.
const (
	Culprit   Role = "culprit"
	Victim    Role = "victim"    // slowed down or cut by the trouble
	Fallout   Role = "fallout"   // waits for something else that hangs, or follows from the crash
	Bystander Role = "bystander" // there by its base rate
)

// Shape is what a memory curve looks like.
type Shape string

// The shapes.
const (
	ShapeLeak         Shape = "leak"
	ShapeBurst        Shape = "burst"
	ShapePlateau      Shape = "plateau" // warm-up or a filling cache: grew, then stayed
	ShapeSawtooth     Shape = "sawtooth"
	ShapeFlat         Shape = "flat"
	ShapeInsufficient Shape = "insufficient"
)

// Report is the whole answer.
type Report struct {
	SchemaVersion string     `json:"schema_version"`
	Window        Window     `json:"window"`
	Verdict       Verdict    `json:"verdict"`
	Crashes       []Crash    `json:"crashes"`
	Suspects      []Suspect  `json:"suspects"`
	Memory        []Memory   `json:"memory"`
	Heap          []Heap     `json:"heap"`
	Timeline      []Event    `json:"timeline"`
	Checks        []Check    `json:"checks"`
	Coverage      []Coverage `json:"coverage"`
	Warnings      []Warning  `json:"warnings"`

	// Beyond the contract's minimum.

	// Causes are all verdicts when there is more than one, the main one (equal to Verdict) first; otherwise empty.
	Causes []Verdict `json:"causes,omitempty"`
	// Pattern is the serial pattern: one request, user or endpoint walking from container to container; nil if there is none.
	Pattern *Pattern `json:"pattern,omitempty"`
	// Restarts are the ends of containers that are no crashes (deploys, stops, daily cycling).
	Restarts []Restart `json:"restarts,omitempty"`
	// Impact is what users felt; nil when no requests were seen.
	Impact *Impact `json:"impact,omitempty"`
	// Goroutines are groups of goroutines that grow or block.
	Goroutines []Goroutines `json:"goroutines,omitempty"`
	// HeapNotes say what the heap profiles can and cannot show ("died between two profiles").
	HeapNotes []string `json:"heap_notes,omitempty"`
	// Actions are what to do next, most useful first.
	Actions []Action `json:"actions"`
	// Method says in short sentences what the numbers rest on (clock skew, hours of baseline, log mode, containers compared).
	Method []string `json:"method,omitempty"`
	// Charts hold what the pictures need, downsampled.
	Charts *Charts `json:"charts,omitempty"`
	// Redacted reports whether personal data was masked; renderers state it when it is false.
	Redacted bool `json:"redacted"`
	// Sensitive lists the values in this report that identify people or requests, for the redactor to replace wherever they
	// stand. Never written out.
	Sensitive []Sensitive `json:"-"`
}

// Window is the time that the evidence covers.
type Window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Verdict is the answer in one sentence.
type Verdict struct {
	Cause Cause `json:"cause"`
	Grade Grade `json:"grade"`
	// Endpoint is "GET /api/users/{id}"; nil when no endpoint is accused.
	Endpoint *string `json:"endpoint"`
	// Summary is one sentence (two at the most) for a tired person.
	Summary string `json:"summary"`
	// Function and File name the code, when heap profiles tell it.
	Function *string `json:"function,omitempty"`
	File     *string `json:"file,omitempty"`
	// Crashes are the ids of the crashes explained, in causes with several culprits; empty means all.
	Crashes []string `json:"crashes,omitempty"`
}

// Evidence cites one place in the input.
type Evidence struct {
	Source string     `json:"source"`
	Line   int64      `json:"line,omitempty"` // 1-based line, element or point; 0: not applicable
	Time   *time.Time `json:"time,omitempty"`
	Text   string     `json:"text"`
}

// Crash is one death of one container. Kind is one of oom_kill, heap_limit, abort, segfault, exception, health_check, exit,
// sigterm, unknown.
type Crash struct {
	// ID is stable for the same evidence: "c1" is the first in time.
	ID            string     `json:"id"`
	Time          time.Time  `json:"time"`
	Container     string     `json:"container"`
	Instance      *string    `json:"instance"`
	Kind          string     `json:"kind"`
	ExitCode      *int       `json:"exit_code"`
	Signal        *string    `json:"signal"`
	UptimeSeconds *float64   `json:"uptime_seconds"`
	Evidence      []Evidence `json:"evidence"`

	Service *string `json:"service,omitempty"`
	Host    *string `json:"host,omitempty"`
	Version *string `json:"version,omitempty"`
	// Requests on the container at its death, by what became of them.
	Requests *CrashRequests `json:"requests,omitempty"`
	// LastMemory is the last memory reading before the death; nil when there is none.
	LastMemory *LastMemory `json:"last_memory,omitempty"`
	// Note says what is special ("6 minutes after deploy v312", "the same life crashed 12 times in 9 minutes").
	Note string `json:"note,omitempty"`
	// ExplainedBy is the endpoint blamed for this crash; nil when none is.
	ExplainedBy *string `json:"explained_by,omitempty"`
}

// CrashRequests counts the requests of a container that died: cut by the death, given up on by the router while the process
// may have worked on, begun and never ended, and finished within the minute before.
type CrashRequests struct {
	Cut      int `json:"cut"`
	GivenUp  int `json:"given_up"`
	Open     int `json:"open"`
	Finished int `json:"finished_last_minute"`
}

// LastMemory is the last reading before a death.
type LastMemory struct {
	Metric     string  `json:"metric"`
	Bytes      float64 `json:"bytes"`
	LimitBytes *int64  `json:"limit_bytes"`
	AgeSeconds float64 `json:"age_seconds"` // time between the reading and the death: blind
}

// Estimate is a value with its interval (90 % unless the measure says otherwise).
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Effect is the size of an association. Measure says what it is: "likelihood_ratio", "odds_ratio", "share_of_growth",
// "rate_ratio" (of deaths right after an answer, over those that chance brings about).
type Effect struct {
	Value   float64 `json:"value"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	Measure string  `json:"measure"`
}

// Suspect is one endpoint and the part it played, ranked.
type Suspect struct {
	Endpoint string `json:"endpoint"`
	Role     Role   `json:"role"`
	Grade    Grade  `json:"grade"`
	// CrashesWith counts the crashes at which it was open (bursts) or before which it was at work (leaks), of CrashesTotal.
	CrashesWith  int `json:"crashes_with"`
	CrashesTotal int `json:"crashes_total"`
	// Baseline is how often the same is seen in comparable quiet windows, as a share in [0, 1]; BaselineWith of BaselineTotal.
	Baseline      float64 `json:"baseline"`
	BaselineWith  int     `json:"baseline_with"`
	BaselineTotal int     `json:"baseline_total"`
	Effect        Effect  `json:"effect"`
	// PAdjusted is the p-value corrected for the number of endpoints tried; nil where the method has none.
	PAdjusted *float64 `json:"p_adjusted"`
	// Probability is the posterior probability that this endpoint is the culprit; nil where the method has none.
	Probability     *float64  `json:"probability,omitempty"`
	BytesPerRequest *Estimate `json:"bytes_per_request"`
	// OpenAtDeath counts its requests that had begun and not ended when a container died.
	OpenAtDeath int `json:"open_at_death"`
	// LongestSeconds is the longest time one of its requests had been running at a death (or took, when none was open).
	LongestSeconds float64 `json:"longest_seconds"`
	// Requests is how many requests of this endpoint were seen; TrafficShare is their share of all, in [0, 1].
	Requests     int64     `json:"requests"`
	TrafficShare float64   `json:"traffic_share"`
	Examples     []Example `json:"examples"`
	// Reasons say what decided the role and the grade, most important first.
	Reasons []string `json:"reasons"`
	// Function and File are the code that heap profiles tie to it.
	Function *string `json:"function,omitempty"`
	File     *string `json:"file,omitempty"`
}

// Example is one request to look at.
type Example struct {
	Crash     string    `json:"crash,omitempty"` // id of the crash it was open at
	Container string    `json:"container"`
	Start     time.Time `json:"start"`
	// Seconds is how long it ran: until its end, or until the death if it had not ended.
	Seconds float64 `json:"seconds"`
	// Outcome is "answered", "given_up", "cut", "client_gone", "open".
	Outcome   string `json:"outcome"`
	Status    int    `json:"status,omitempty"`
	Path      string `json:"path,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	User      string `json:"user,omitempty"`
	Source    string `json:"source,omitempty"`
	Line      int64  `json:"line,omitempty"`
}

// Memory describes the curve of one metric of one life of a container.
type Memory struct {
	Container string  `json:"container"`
	Instance  *string `json:"instance,omitempty"`
	Metric    string  `json:"metric"`
	Shape     Shape   `json:"shape"`
	// SlopeBytesPerHour is of the floor of the curve.
	SlopeBytesPerHour Estimate `json:"slope_bytes_per_hour"`
	LimitBytes        *int64   `json:"limit_bytes"`
	// TimeToLimitSeconds is counted from the last sample; nil when it does not grow, has no limit, or died.
	TimeToLimitSeconds    *float64  `json:"time_to_limit_seconds"`
	TimeToLimit           *Estimate `json:"time_to_limit,omitempty"`
	SampleIntervalSeconds float64   `json:"sample_interval_seconds"`
	// BlindSeconds is the time between the last sample and the death that ended this life; nil when it did not die.
	BlindSeconds *float64  `json:"blind_seconds"`
	From         time.Time `json:"from"`
	To           time.Time `json:"to"`
	FirstBytes   float64   `json:"first_bytes"`
	LastBytes    float64   `json:"last_bytes"`
	MaxBytes     float64   `json:"max_bytes"`
	Samples      int       `json:"samples"`
	// Crash is the id of the crash that ended this life; empty when none did.
	Crash string `json:"crash,omitempty"`
	// Note bounds what coarse samples hide ("at least 19 MB a minute, or a burst").
	Note string `json:"note,omitempty"`
}

// Heap is one function that grew between heap profiles.
type Heap struct {
	Function    string  `json:"function"`
	File        *string `json:"file"`
	GrowthBytes int64   `json:"growth_bytes"`
	// Share is the share of the total growth, in [0, 1].
	Share    float64 `json:"share"`
	Endpoint *string `json:"endpoint"`
	// Profiles is how many profiles the ranking rests on.
	Profiles int `json:"profiles"`

	Line              int64     `json:"line,omitempty"`
	FlatBytes         int64     `json:"flat_bytes"`
	CumBytes          int64     `json:"cum_bytes"`
	SlopeBytesPerHour *Estimate `json:"slope_bytes_per_hour,omitempty"`
	Shape             Shape     `json:"shape,omitempty"`
	Containers        int       `json:"containers,omitempty"` // in how many containers it grew
	CalledFrom        []string  `json:"called_from,omitempty"`
	OnOOM             bool      `json:"on_oom,omitempty"` // seen in a profile written as memory ran out
	Note              string    `json:"note,omitempty"`
}

// Goroutines is a group of goroutines blocked at one place.
type Goroutines struct {
	Function  string  `json:"function"`
	File      *string `json:"file"`
	State     string  `json:"state"`
	First     int64   `json:"first"`
	Last      int64   `json:"last"`
	Container string  `json:"container"`
	Leak      bool    `json:"leak"`
	Note      string  `json:"note,omitempty"`
}

// Outcome is what a check says of the verdict.
type Outcome string

// The outcomes.
const (
	Supports    Outcome = "supports"
	Contradicts Outcome = "contradicts"
	Neutral     Outcome = "neutral"
	NotPossible Outcome = "not_possible"
)

// Check is one thing that was looked at.
type Check struct {
	// Rule is the id that `lastcall explain` takes.
	Rule    string  `json:"rule"`
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail"`
}

// Coverage is what one source gave for one signal. From and To are nil when Records is 0.
type Coverage struct {
	Source        string     `json:"source"`
	Signal        string     `json:"signal"`
	From          *time.Time `json:"from"`
	To            *time.Time `json:"to"`
	Records       int64      `json:"records"`
	MissingReason *string    `json:"missing_reason"`
	Format        string     `json:"format,omitempty"`
	Sampled       *float64   `json:"sampled,omitempty"`
}

// Warning is bad or surprising input, counted.
type Warning struct {
	Code    string  `json:"code"`
	Count   int64   `json:"count"`
	Text    string  `json:"text"`
	Example *string `json:"example"`
	Source  string  `json:"source,omitempty"`
	Line    int64   `json:"line,omitempty"`
}

// Pattern is the serial pattern.
type Pattern struct {
	// Kind is "request", "path", "user" or "endpoint": what walked.
	Kind  string `json:"kind"`
	Value string `json:"value"`
	Steps []Step `json:"steps"`
	// SpacingSeconds is the median time between the deaths.
	SpacingSeconds float64 `json:"spacing_seconds"`
	// Next says what is to be expected if it goes on; empty when nothing can be said.
	Next string `json:"next,omitempty"`
}

// Step is one station of a serial pattern.
type Step struct {
	Crash     string    `json:"crash"`
	Container string    `json:"container"`
	Start     time.Time `json:"start"`
	Seconds   float64   `json:"seconds"` // from its start to the death
}

// Restart is one end of a container that is no crash.
type Restart struct {
	Time      time.Time `json:"time"`
	Container string    `json:"container"`
	// Reason is "deploy", "scale", "cycling", "maintenance", "stopped", Evicted or StoppedReporting.
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"`
}

// Evicted is the reason of an end that nobody asked for: the kubelet put a pod off its node, for disk or process ids. For memory it is a
// crash.
const Evicted = "evicted"

// StoppedReporting is the reason of an end that no source explains: nothing more was seen of an instance, and another one followed.
const StoppedReporting = "stopped_reporting"

// Impact is what users felt.
type Impact struct {
	Requests int64 `json:"requests"`
	// Failed are the requests cut (also those open when their container died), given up on or refused; ServerErrors the answers with status 5xx.
	Failed       int64 `json:"failed"`
	ServerErrors int64 `json:"server_errors"`
	// Users is how many different users (or client addresses) had a failed request; 0 when the logs name none.
	Users int64 `json:"users"`
	// DownSeconds is the sum over crashes of the time from the death to the next start.
	DownSeconds float64 `json:"down_seconds"`
}

// Action is what to do next.
type Action struct {
	Text string `json:"text"`
	// Rule is the rule that it follows from; may be empty.
	Rule string `json:"rule,omitempty"`
	// Kind is "mitigate", "fix", "observe".
	Kind string `json:"kind"`
}

// Charts hold what the pictures need.
type Charts struct {
	Memory   []Series  `json:"memory,omitempty"`
	Requests []Bar     `json:"requests,omitempty"`
	Latency  []Latency `json:"latency,omitempty"`
	// Flame is the growth between heap profiles; nil when there are none.
	Flame *Flame `json:"flame,omitempty"`
}

// Series is one curve: memory of one life of a container.
type Series struct {
	Container  string  `json:"container"`
	Instance   string  `json:"instance,omitempty"`
	Metric     string  `json:"metric"`
	LimitBytes *int64  `json:"limit_bytes,omitempty"`
	Crash      string  `json:"crash,omitempty"` // the crash that ended it
	Points     []Point `json:"points"`
}

// Point is one point of a curve.
type Point struct {
	T time.Time `json:"t"`
	V float64   `json:"v"`
}

// Bar is one request drawn on the container that it ran on.
type Bar struct {
	Container string    `json:"container"`
	Endpoint  string    `json:"endpoint"`
	Role      Role      `json:"role"`
	Start     time.Time `json:"start"`
	Seconds   float64   `json:"seconds"`
	Outcome   string    `json:"outcome"`
	Crash     string    `json:"crash,omitempty"`
	Source    string    `json:"source,omitempty"`
	Line      int64     `json:"line,omitempty"`
}

// Latency is one bucket of the latency of one endpoint, or of all others together (Endpoint "others").
type Latency struct {
	Endpoint string    `json:"endpoint"`
	T        time.Time `json:"t"`
	P50      float64   `json:"p50"` // seconds
	P99      float64   `json:"p99"`
	Count    int64     `json:"count"`
}

// Flame is a node of a differential flame graph. Value and Delta are bytes of the node with all below it: in the last
// profile, and last minus first.
type Flame struct {
	Name     string   `json:"name"`
	File     string   `json:"file,omitempty"`
	Value    int64    `json:"value"`
	Delta    int64    `json:"delta"`
	Children []*Flame `json:"children,omitempty"`
}

// Sensitive is one value that identifies somebody. Kind is "user", "request", "client", "path".
type Sensitive struct {
	Kind, Value string
}

// Rule documents one test that the analyzer makes; `lastcall explain` prints it.
type Rule struct {
	// ID is stable, such as "burst.open-at-onset".
	ID string
	// Title is one line; Question is what it answers; Test is how, in plain words.
	Title, Question, Test string
	// Thresholds are its constants, each with why it has this value.
	Thresholds []Threshold
	// Source is where the method comes from.
	Source string
	// Limits say when it cannot tell.
	Limits string
}

// Threshold is one constant of a rule.
type Threshold struct {
	Name, Value, Why string
}
