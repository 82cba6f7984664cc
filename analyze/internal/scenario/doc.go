// Package scenario makes synthetic incidents: a fleet of containers behind a router, under seeded traffic, with a planted cause
// or with none, written down as the records that a collector would have read. It is the other half of the analyzer's tests:
// it knows the truth and nothing of the analyzer, and imports only the two domain models.
//
// A [Scenario] comes from a text of a few lines ([Parse]; the files of testdata/scenarios) or from [Random], which composes
// such a text from a kind and a seed, so that any incident of a sweep can be printed ([Scenario.String]), kept and read.
// [Scenario.Emit] runs the world and pushes its records into a [record.Sink]; the same text gives the same records. After it,
// [Scenario.Truth] says what really happened. [Scenario.Check] holds a report against the expectations of the text,
// [Scenario.Judge] against the truth.
//
// # What is modelled
//
// The world is a simulation in steps of one second, with requests placed exactly within a step:
//
//   - Requests: 1 to 80 endpoints with Zipf-like shares whose mix wanders; lognormal latency with a heavy tail; traffic that is
//     Poisson, bursty and diurnal; users with addresses; pages that make a second request; scanners that get 404; an uptime probe;
//     slow scheduled batches; long-lived streams.
//   - Containers: each shares its speed among its requests. Scarce heap makes the collector thrash and everything on the
//     container slower; a blocked event loop stops all, and requests pile up; before it gives up, a full heap agonizes.
//   - The router waits 30 s and answers 504 while the process works on; a death cuts the requests in flight (502); clients
//     retry; for a moment after a death requests are refused; the survivors carry the load and are slower for a while.
//   - Memory: live heap (base, warm-up, cache, leaks per request, jobs, requests in flight, one request's burst), garbage in a
//     sawtooth, a slow wander, committed heap that is given back late or never, native memory. Death is at the heap limit
//     (exit 134 and last words; RSS far below its limit) or at the container's (exit 137).
//   - Deaths by health check, uncaught exception, segfault; stops by deploy, cycling, maintenance, scaling; hosts that fail.
//   - What is written down, and what is not: the router line when the request ends for the router; the application's line only
//     when it finishes (survivors only); started lines where asked for, and none while the event loop is blocked; runtime
//     metrics that fall silent before a death; platform lines that lag it; samples or rollups of 10 s to 15 min; clock skew of
//     each source, lost lines, lines out of order, a log whose last seconds are lost, missing ids and container names.
//
// Numbers were set after real recordings of such fleets: in a burst the heap fills within 10 to 20 s, then thrashes for about
// a minute while the loop is all but blocked and 20 to 70 requests pile up; in a leak the in-flight requests at death vary from
// crash to crash; platform lines lag by 0 to 6 s, at times 30; restarts take 4 s and 5 to 60 s of boot; most requests take
// 40 to 150 ms with a tail of seconds.
//
// # What is not modelled
//
// Heap profiles, goroutines, the kernel's page cache, swap, CPU throttling by quota, calls between services, sticky routing,
// HTTP connections (keep-alive, H18), partial responses, endpoints whose parameters decide their cost (apart from the killers
// themselves), log formats (that is the collectors' part: records are made directly), and time zones. Traffic does not react to
// slowness other than by retries and by ebbing while containers are down. Containers of one fleet are alike.
package scenario
