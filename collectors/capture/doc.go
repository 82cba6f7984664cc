// Package capture keeps collected evidence in a folder and replays it: offline, for ever, to the same records.
//
// A [Writer] takes records slice by slice; a slice is the unit of collection, such as "the log lines of one quarter of an
// hour". [New] gives a [record.Collector] that replays a folder. The package knows nothing of who collected what, and holds no
// keys: only records and notes pass through it.
//
// # Format, version 1
//
//	DIR/manifest.json            what this is: format, version, the question, whether the collection ended
//	DIR/segments/NAME.ndjson.zst one committed slice each; NAME is made of the slice's key
//	DIR/segments/.tmp-*          a slice being written; never read, removed when a collection resumes
//	DIR/.lock                    held while a collection runs
//
// A segment is a sequence of standard Zstandard frames, so that "zstd -dc NAME.ndjson.zst" prints it:
//
//  1. A skippable frame (magic 0x184D2A51) with JSON: {"version":1,"slice":"the key"}.
//  2. Chunks, each a skippable frame (magic 0x184D2A52) followed by one data frame. The skippable frame holds four little-endian
//     uint32: size of the data frame, size of its content, CRC-32C of the data frame, number of lines in its content. Chunks are
//     independent: one that is damaged costs only itself.
//  3. A skippable frame (magic 0x184D2A53) with JSON: {"chunks":n,"records":n,"sha256":"…"}, the hash being that of all bytes
//     of the file before this frame.
//
// The content of a data frame is one JSON object a line; "t" says what it is:
//
//	source     i, name, format: a source that the lines after it in this chunk mean by "s":i
//	request    layer, phase, outcome, retried, start, end, status, method, path, route, id, container, instance, host, service, version,
//	           user, client
//	sample     time, metric, value, interval, container, instance, service, host, version
//	crash      time, kind, exited, final, exit_code, signal, limit_bytes, used_bytes, uptime, container, instance, service, host,
//	           version, pod, text
//	lifecycle  time, end, kind, exit_code, used_bytes, limit_bytes, merged, reason, container, instance, service, host,
//	           version, address, pod, text
//	job        name, start, end, container, instance
//	exposure   from, to, method, route, container, service, count, errors, p50, p99, max
//	profile    name, data (base64), time, container, instance, version, on_oom
//	warning    code, count, text, example
//	coverage   signal, from, to, records, missing_reason, sampled, container
//	note       name, value (any JSON): what the collector wants to remember, such as its plan; not evidence
//
// Every record may have "s" (its source) and "line". Names, units and meaning are those of package record: times are
// nanoseconds since 1970, durations nanoseconds, sizes bytes. A member that is absent is zero or empty (for p50, p99 and max:
// unknown). A text that is not valid UTF-8 stands as an array of one string, its bytes in base64. A number that JSON lacks
// stands as one of the strings "NaN", "+Inf", "-Inf".
//
// # Whole or not at all
//
// A slice is written to a temporary file, synced, and renamed into place by [Slice.Commit]; the rename is also the journal
// entry, so that data and journal cannot disagree. A collection that is killed leaves whole slices and at most temporary files;
// opened again, [Writer.Done] tells which slices need not be asked for again.
//
// # Compatibility
//
// A reader refuses a capture whose version is newer than it knows, with [ErrNewer], and ignores members and line types that it
// does not know. Version changes only when old readers would misread.
package capture
