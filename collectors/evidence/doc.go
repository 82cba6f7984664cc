// Package evidence reads what people save when a service dies: router, application and platform logs, metrics, events and profiles,
// as files, folders, archives or a stream. Every input is recognised by its content, never by its name, and every record says which
// line it came from.
//
// # The way of an input
//
//   - [Collector.Collect] finds the inputs and puts them in order: what tells of lives and deaths before requests (collector.go).
//   - An input is decompressed, and its head shown to every format (registry.go, small.go); the surest gets it. An archive is opened
//     (archive.go), and so is what a store of logs gave back, whose entries are lines of any other format (storedlog.go and those that it
//     names).
//   - A whole document ([WholeFormat]) is parsed from its beginning. Lines ([LineFormat]) go to a dispatcher, one for each goroutine
//     (dispatch.go), which offers a line to the recognised format first and then to the others, in one order: a log may mix several. What
//     stands before a line, of Docker, Kubernetes, syslog or a platform, is taken off once, and tells who wrote it (internal/front).
//     Formats that need a text that the line does not hold are not asked (picky.go). What no format takes is counted, with an example.
//   - Records go through a tally (tally.go), which narrows them to what was asked, merges warnings, and learns what is known only at the end
//     of the input, or of all of them: which container a file is of (filename.go), and whose ends were told nowhere (endstold.go).
//   - What cannot be used is refused with what to save instead (refusal.go).
//
// # Where a format is
//
// Each is a file of its own. Lines of text that are requests, of routers, servers and frameworks, are in internal/access; metrics, and what
// orchestrators tell, in packages beside it. Here are those that share the quick way through JSON lines, or what a process says: json_*.go
// are dialects of JSON lines (jsonlines.go is what they have in common, jsonplan.go the quick way), keyvalue.go and monolog.go read lines of
// text as such objects, spring.go leaves its ends to keyvalue.go where there are any, joblog_*.go are runs of jobs, lastwords*.go what
// processes say when they die.
//
// A new format implements [LineFormat] or [WholeFormat], is listed in registry.go, small.go or its package, and has a test with lines as
// they are recorded, one with lines that are nearly so, and a fuzz target.
package evidence
