package redact

import (
	"lastcall/report/internal/walk"
)

// class says how the strings of a field are treated.
type class int

const (
	classText     class = iota // prose and quotations: everything is masked
	classPath                  // a raw path: templated
	classEndpoint              // a template of an endpoint: as text, but known names inside are not protected
	classCode                  // functions, files, words of ours: well-known secrets only
	classSource                // names of inputs: also the home folder
	className                  // containers, hosts: also long ids cut
	classVersion               // as names, but 1.2.3.4 is no address
	classUser
	classRequest
	classPattern
)

// classes names the fields that are not text. A field missing here is text, which masks most; a new field of the model is
// safe before anybody thinks of it.
var classes = map[walk.Field]class{
	{Struct: "Report", Name: "SchemaVersion"}: classCode,
	{Struct: "Verdict", Name: "Cause"}:        classCode,
	{Struct: "Verdict", Name: "Grade"}:        classCode,
	{Struct: "Verdict", Name: "Endpoint"}:     classEndpoint,
	{Struct: "Verdict", Name: "Function"}:     classCode,
	{Struct: "Verdict", Name: "File"}:         classCode,
	{Struct: "Verdict", Name: "Crashes"}:      classCode,
	{Struct: "Evidence", Name: "Source"}:      classSource,
	{Struct: "Crash", Name: "ID"}:             classCode,
	{Struct: "Crash", Name: "Container"}:      className,
	{Struct: "Crash", Name: "Instance"}:       className,
	{Struct: "Crash", Name: "Kind"}:           classCode,
	{Struct: "Crash", Name: "Signal"}:         classCode,
	{Struct: "Crash", Name: "Service"}:        className,
	{Struct: "Crash", Name: "Host"}:           className,
	{Struct: "Crash", Name: "Version"}:        classVersion,
	{Struct: "Crash", Name: "ExplainedBy"}:    classEndpoint,
	{Struct: "LastMemory", Name: "Metric"}:    classCode,
	{Struct: "Effect", Name: "Measure"}:       classCode,
	{Struct: "Suspect", Name: "Endpoint"}:     classEndpoint,
	{Struct: "Suspect", Name: "Role"}:         classCode,
	{Struct: "Suspect", Name: "Grade"}:        classCode,
	{Struct: "Suspect", Name: "Function"}:     classCode,
	{Struct: "Suspect", Name: "File"}:         classCode,
	{Struct: "Example", Name: "Crash"}:        classCode,
	{Struct: "Example", Name: "Container"}:    className,
	{Struct: "Example", Name: "Outcome"}:      classCode,
	{Struct: "Example", Name: "Path"}:         classPath,
	{Struct: "Example", Name: "RequestID"}:    classRequest,
	{Struct: "Example", Name: "User"}:         classUser,
	{Struct: "Example", Name: "Source"}:       classSource,
	{Struct: "Memory", Name: "Container"}:     className,
	{Struct: "Memory", Name: "Instance"}:      className,
	{Struct: "Memory", Name: "Metric"}:        classCode,
	{Struct: "Memory", Name: "Shape"}:         classCode,
	{Struct: "Memory", Name: "Crash"}:         classCode,
	{Struct: "Heap", Name: "Function"}:        classCode,
	{Struct: "Heap", Name: "File"}:            classCode,
	{Struct: "Heap", Name: "Endpoint"}:        classEndpoint,
	{Struct: "Heap", Name: "Shape"}:           classCode,
	{Struct: "Heap", Name: "CalledFrom"}:      classCode,
	{Struct: "Goroutines", Name: "Function"}:  classCode,
	{Struct: "Goroutines", Name: "File"}:      classCode,
	{Struct: "Goroutines", Name: "State"}:     classCode,
	{Struct: "Goroutines", Name: "Container"}: className,
	{Struct: "Event", Name: "Kind"}:           classCode,
	{Struct: "Event", Name: "Source"}:         classSource,
	{Struct: "Event", Name: "Container"}:      className,
	{Struct: "Event", Name: "Crash"}:          classCode,
	{Struct: "Check", Name: "Rule"}:           classCode,
	{Struct: "Check", Name: "Outcome"}:        classCode,
	{Struct: "Coverage", Name: "Source"}:      classSource,
	{Struct: "Coverage", Name: "Signal"}:      classCode,
	{Struct: "Coverage", Name: "Format"}:      classCode,
	{Struct: "Warning", Name: "Code"}:         classCode,
	{Struct: "Warning", Name: "Source"}:       classSource,
	{Struct: "Pattern", Name: "Kind"}:         classCode,
	{Struct: "Pattern", Name: "Value"}:        classPattern,
	{Struct: "Step", Name: "Crash"}:           classCode,
	{Struct: "Step", Name: "Container"}:       className,
	{Struct: "Restart", Name: "Container"}:    className,
	{Struct: "Restart", Name: "Reason"}:       classCode,
	{Struct: "Action", Name: "Rule"}:          classCode,
	{Struct: "Action", Name: "Kind"}:          classCode,
	{Struct: "Series", Name: "Container"}:     className,
	{Struct: "Series", Name: "Instance"}:      className,
	{Struct: "Series", Name: "Metric"}:        classCode,
	{Struct: "Series", Name: "Crash"}:         classCode,
	{Struct: "Bar", Name: "Container"}:        className,
	{Struct: "Bar", Name: "Endpoint"}:         classEndpoint,
	{Struct: "Bar", Name: "Role"}:             classCode,
	{Struct: "Bar", Name: "Outcome"}:          classCode,
	{Struct: "Bar", Name: "Crash"}:            classCode,
	{Struct: "Bar", Name: "Source"}:           classSource,
	{Struct: "Latency", Name: "Endpoint"}:     classEndpoint,
	{Struct: "Flame", Name: "Name"}:           classCode,
	{Struct: "Flame", Name: "File"}:           classCode,
}
