package heap

import (
	"fmt"
	"strconv"

	"lastcall/analyze/finding"
)

// Rules returns the rules that rest on heap and goroutine profiles.
func Rules() []finding.Rule {
	percent := func(f float64) string { return fmt.Sprintf("%.0f %%", 100*f) }
	return []finding.Rule{
		{
			ID:       "heap.growth",
			Title:    "A function of the user's own code keeps more and more memory",
			Question: "Which code holds the memory that grows, over all profiles of one life of a process?",
			Test: "Profiles are sorted into lives of processes (container, build, version; a new life begins at a death, when the total ever allocated falls, or when memory " +
				"drops and nothing of it is what it was). Each stack belongs to one function: the innermost of the user's own code that carries most of what the piece of work " +
				"keeps. Its bytes are followed through the whole life. It leaks when they rise (Theil–Sen, 90 % interval above zero), most of the rise is kept, no single " +
				"interval holds it, it does not level off, and the heap as a whole grows with it.",
			Thresholds: []finding.Threshold{
				{Name: "growth that matters", Value: fmt.Sprintf("%s of the heap, %d KiB, and %d standard deviations of the sampling noise", percent(minShareOfHeap), minGrowthBytes>>10, sampledNoise), Why: "samplers take one allocation in about 512 KiB: a rise of a few samples is chance"},
				{Name: "profiles", Value: fmt.Sprint(minLeakProfiles, ", ", firmLeakProfiles, " for a firm answer"), Why: "two points cannot tell a leak from a step; from six the interval of the slope decides"},
				{Name: "one interval", Value: fmt.Sprintf("at most %s of the growth, unless it is as long", percent(stepShare)), Why: "more is a step: a start-up load, an index, an arena"},
				{Name: "kept", Value: "at least " + percent(keptShare) + " of the range", Why: "less is a sawtooth that gives memory back"},
				{Name: "second half", Value: fmt.Sprintf("at least %s of the growth, the last third at least %s", percent(lateShare), percent(lastThirdShare)), Why: "less is a cache that approaches its size"},
				{Name: "the heap follows", Value: "at least " + percent(totalFollows) + " of the function's growth", Why: "otherwise it took the place of something else"},
				{Name: "share to be named", Value: percent(leadingShare) + ", likely from " + percent(majorityShare), Why: "a function with less is not the main reason"},
			},
			Source: "Theil (1950), Sen (1968); Jump and McKinley, Cork (POPL 2007): growth by allocation site across collections; RESIN (OSDI 2022)",
			Limits: "Values are as of the last completed collection. A bounded cache that is still filling looks like a leak. Buffers and native memory are in no V8 heap profile, C memory in no Go one.",
		},
		{
			ID:       "heap.at-limit",
			Title:    "A function held the memory as it ran out",
			Question: "What does the profile hold that the runtime wrote as memory ran out, more than the profiles before?",
			Test:     "The profile is compared, function by function, with the one before it in the same life, or with the mean of the ordinary profiles of the container, or of all containers.",
			Thresholds: []finding.Threshold{
				{Name: "share to be named", Value: percent(leadingShare) + ", likely from " + percent(majorityShare), Why: "a burst fills the heap with little else"},
				{Name: "profiles for a conclusive answer", Value: "2 that agree", Why: "one may show what came in between"},
			},
			Source: "recorded incidents: a burst is in no periodic profile, and on top of the one written at the limit",
			Limits: "A process killed from outside writes no such profile. One that comes out empty says nothing.",
		},
		{
			ID:       "heap.endpoint",
			Title:    "The code that grows works for one endpoint",
			Question: "Which request put the memory there?",
			Test: "A label on the samples decides, then a handler that is known to serve a route, then likeness of names: the words of the function, its file and its callers against the words " +
				"of each route, rare words counting more. Only a single best route with a margin is taken. A Go stack without a server on it is background work.",
			Thresholds: []finding.Threshold{
				{Name: "likeness", Value: fmt.Sprintf("%.2f, and %.2f times the next", joinScore, joinMargin), Why: "people name handlers after routes, but not always: a name supports, it does not prove"},
				{Name: "words explained", Value: percent(nameCover) + " of the function's", Why: "one shared word is chance"},
				{Name: "label", Value: percent(labelShare) + " of the labelled bytes", Why: "a shared function works for several endpoints"},
			},
			Source: "profile labels of Go and of tracing libraries (trace endpoint, http.route)",
			Limits: "Heap profiles of Go carry no labels. Asynchronous stacks are short.",
		},
		{
			ID:       "goroutine.leak",
			Title:    "Goroutines add up at one place and none ends",
			Question: "Where do goroutines block for ever?",
			Test: "Goroutines are grouped by the innermost function of the user's own code and what they wait for. A group leaks when its count keeps rising as heap.growth asks, and nothing outside " +
				"the program can end the wait (channels, locks), or when the runtime's own leak profile holds it.",
			Thresholds: []finding.Threshold{
				{Name: "goroutines gained", Value: fmt.Sprintf("%d and %d times the first count", goroutineGroup, goroutineFactor), Why: "small groups come and go with the load"},
				{Name: "in a single profile", Value: strconv.Itoa(goroutineMany), Why: "so many at one place are rarely meant"},
			},
			Source: "LeakProf: Saioc and others, Unveiling and Vanquishing Goroutine Leaks in Enterprise Microservices (CGO 2024); the goroutineleak profile of Go",
			Limits: "Waits for the network and timers may follow the load: their growth is shown, not called a leak.",
		},
	}
}
