package memory

import (
	"fmt"
	"time"

	"lastcall/analyze/finding"
)

// MinReadings of a life, after the first minutes, are needed to judge its curve by itself.
const MinReadings = 8

// Thresholds of the shapes; Rules gives them their reasons.
const (
	confidentReadings = 20

	// Of lives with fewer readings, which are judged together.
	minPooled         = 3 // lives
	minPooledReadings = 3 // of each of them
	halfP             = 0.20
	evenGrowth        = 0.5
	minRestarts       = 2
	mostAlike         = 2.0 / 3
	intervalLevel     = 0.90

	blockReadings = 5 // per floor, at least, where there are enough
	maxFloors     = 48
	minFloors     = 12
	minFloorsGC   = 8 // where the garbage collector makes long saw teeth
	collections   = 3 // collapses that make a saw tooth
	collapse      = 0.5
	toothWidths   = 1.2 // saw teeth per floor
	warmUp        = 5 * time.Minute
	warmUpShare   = 0.15

	// Of memory that stands at a ceiling until the life ends.
	ceilingRise    = 0.5 // of the lowest reading
	ceilingReached = 0.9 // of the rise
	ceilingFrom    = 0.5 // of the life: before, it is a cache that filled
	ceilingAfter   = 5 * time.Minute
	ceilingTime    = 0.2 // of the life: steady growth to the end is within a tenth of it
	ceilingStays   = 0.6 // of the rise

	trendP       = 0.01
	growthShare  = 0.04 // of the limit
	growthMADs   = 3
	unknownLimit = 3.0 // limit assumed, in levels, where none is known: recorded heaps died at 2.3 to 3 times their start
	secondHalf   = 0.35
	lastThird    = 0.20
	stepShare    = 0.70
	loadWindow   = 5 * time.Minute
	loadRise     = 0.10 // of the mean load

	burstMADs  = 6
	burstLimit = 0.15
	burstLevel = 0.25
	burstWidth = 0.15
	burstTime  = 5 * time.Minute

	// Of jumps just before deaths that the limit of the container is no measure of.
	jumpAlike     = 0.8
	jumpElsewhere = 0.25 // of the lives

	plateauRise   = 0.10 // of the level
	plateauStart  = 0.25 // counted from the very first readings
	sawtoothSwing = 0.10
	sawtoothDrops = 3

	limitShare   = 0.97
	reachedShare = 0.85
	alikeShare   = 0.25
	promoteShare = 0.5 // of the typical leak's slope
	blindShare   = 0.05
	aloneGrowth  = 0.25 // of the limit, in one life that nothing confirms
	unslowedHalf = 0.7
	creepShare   = 0.10
	hourOfDay    = 3 * time.Hour
	plateauLoad  = 0.7
	plateauRisen = 0.9 // of the rise
	minPlateaus  = 2   // lives that levelled off, to say of younger ones that they will
	shortLife    = 6 * time.Hour
	longLife     = 23 * time.Hour // a day less the edges of its readings
)

// Thresholds of the attribution.
const (
	partShare        = 0.30
	minRegressed     = 3 // readings of a life
	minFloorsPerLife = 3
	minRows          = 12
	maxRowsPerLife   = 300
	minRequests      = 3
	startUpFade      = 0.25 // of a typical life

	priorTimeOnly  = 0.25
	priorAll       = 0.15
	priorLoad      = 0.10
	priorEndpoints = 0.50
	// priorTransient are the odds that an endpoint needs so much for a moment, and the process gives it back so slowly, that it shows.
	priorTransient = 0.1

	conclusiveP = 0.99
	likelyP     = 0.90
	possibleP   = 0.50
	accuseShare = 0.50
	partnerLog  = 3
	aloneShare  = 0.85 // above, no second culprit is looked for
	secondShare = 0.15
	// systematic is an error of bytes per request that no regression shows: lines lost, requests counted when they ended,
	// floors dated by their lowest reading. In generated fleets the regression's own interval was too narrow by about this.
	systematic = 0.05

	levelDeaths = 5
	levelAlike  = 0.15
	levelTimes  = 2.0

	placeboFrom      = 0.5 // posterior
	placeboP         = 0.05
	placeboEndpoints = 60
	minSwaps         = 5
	stickyDispersion = 2.0
	stickyRequests   = 30
)

// paceGrid are the spreads of the pace of growth between lives, and between containers, that are averaged over; of the mean pace.
var paceGrid = [...]float64{0, 0.15, 0.5}

// noiseGrid are the ratios, per step between readings, of drift to reading error that are averaged over.
var noiseGrid = [...]float64{0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 100}

// Ids of the rules, for checks to cite.
const (
	RuleLeak        = "memory.leak"
	RulePlateau     = "memory.plateau"
	RuleBurst       = "memory.burst"
	RuleBlind       = "memory.blind"
	RuleLimit       = "memory.time-to-limit"
	RuleKind        = "memory.kind"
	RuleAttribution = "leak.attribution"
	RuleTimeOnly    = "leak.time-only"
	RuleAllRequests = "leak.all-requests"
	RulePlacebo     = "leak.placebo"
)

// Rules documents the tests of this package.
func Rules() []finding.Rule {
	n := func(x any) string { return fmt.Sprint(x) }
	pct := func(x float64) string { return fmt.Sprintf("%g%%", 100*x) }
	return []finding.Rule{
		{
			ID: RuleLeak, Title: "Memory grows steadily in the lives of containers",
			Question: "Does memory grow for as long as a container lives, or is it only warming up, filling a cache, or following the load?",
			Test: "For each metric of each life, the readings become floors (the lowest of each block, wider than a saw tooth of the garbage collector). The floors must " +
				"rise (Theil and Sen's slope, Mann and Kendall's test with Hamed and Rao's variance), by enough, in the second half and the last third too, and not in one step. " +
				"Where the number of requests rose meanwhile, growth must remain once that part is taken out. One short life proves nothing: a day of life, another life or container that grew alike, or growth into the limit must confirm it. " +
				"Lives with fewer readings than that takes are judged together where they died: all of them must rise (Hirsch, Slack and Smith's test and slope), in both halves of their time and not in one step, and memory must begin from below in the next life.",
			Thresholds: []finding.Threshold{
				{Name: "p-value of the trend", Value: n(trendP), Why: "with the variance corrected for correlation, flat series alarm in about this share"},
				{Name: "least growth in a life", Value: pct(growthShare) + " of the limit", Why: "less does not threaten a container within the lives seen"},
				{Name: "least growth of resident memory alone, lives under 6 h", Value: pct(creepShare) + " of the limit", Why: "resident memory creeps up in the first hours of any process; healthy recordings show 7% to 20% of the level"},
				{Name: "slope of the second half, of the last third", Value: pct(secondHalf) + ", " + pct(lastThird) + " of the whole", Why: "a warm-up or filling cache slows down"},
				{Name: "step against line", Value: n(stepShare) + " of the squared error", Why: "one allocation that stays is no leak"},
				{Name: "first minutes left out", Value: n(warmUp) + ", or " + pct(warmUpShare) + " of a short life", Why: "a process first allocates what it will keep"},
				{Name: "life that confirms itself", Value: n(longLife), Why: "a day contains the daily wave of the load"},
				{Name: "time at a ceiling left out", Value: fmt.Sprintf("above %s of a rise by %s or more, from the second half of a life on to its death", pct(ceilingReached), pct(ceilingRise)), Why: "a full heap is collected for minutes before the process gives up, and grows no more"},
				{Name: "readings of a life that is judged by itself", Value: n(MinReadings), Why: "half of them must still show a slope"},
				{Name: "lives judged together", Value: fmt.Sprintf("%d, of %d readings each, two thirds of them alike, %d of which another followed", minPooled, minPooledReadings, minRestarts), Why: "the least in which a trend can be told from chance"},
				{Name: "rise of each half of their time", Value: fmt.Sprintf("p < %g, %s of the whole slope", halfP, pct(secondHalf)), Why: "a warm-up rises in the first half, a burst at the end"},
				{Name: "rise without the greatest step of each life", Value: pct(evenGrowth) + " of what even growth keeps", Why: "a burst or a cache filled at once is one step; measured in generated lives"},
				{Name: "alike", Value: pct(alikeShare) + " of the slope, its interval above zero", Why: "containers get unequal traffic"},
			},
			Source: "Sen 1968; Mann 1945, Kendall 1975; Hamed and Rao 1998; Hirsch, Slack and Smith 1982; the method's simulation of 270 series per cell",
			Limits: "A cache that takes longer to fill than any life seen looks like a leak. Without the load, growth in a morning of three to 23 hours is not called a leak.",
		},
		{
			ID: RulePlateau, Title: "Memory grew and then levelled off",
			Question: "Is the growth over?",
			Test:     "The rise is early, in one step, or slows to less than the thresholds of " + RuleLeak + ". It is called a leak after all where two thirds of the comparable lives leak and it grew at least half as fast: a leak of few big pieces makes steps.",
			Thresholds: []finding.Threshold{
				{Name: "rise worth naming", Value: pct(plateauRise) + " of the level", Why: "less is noise of a healthy process"},
				{Name: "younger lives that grow", Value: fmt.Sprintf("for no longer than %d others of the version took to %s of their rise, and below where these stayed, under %s of their load or more", minPlateaus, pct(plateauRisen), pct(plateauLoad)), Why: "what older lives did before they stopped growing is a warm-up, however steady it looks so far"},
				{Name: "promoted with", Value: pct(promoteShare) + " of the typical leak", Why: "half of the pace of its siblings is no warm-up"},
			},
			Source: "the method, section 5.1", Limits: "Says nothing of growth after the last reading.",
		},
		{
			ID: RuleBurst, Title: "Memory rose at once",
			Question: "Did memory rise within minutes, at the end of a life or in between?",
			Test:     "The highest reading stands far above the middle of the life, and the time above half way is short.",
			Thresholds: []finding.Threshold{
				{Name: "rise", Value: fmt.Sprintf("%s of the limit (or %s of the level), and %d deviations", pct(burstLimit), pct(burstLevel), burstMADs), Why: "above what garbage collection and load make"},
				{Name: "rise just before a death that is no kill for the container's limit", Value: fmt.Sprintf("%s of the level and %d deviations, and none like it at other times in more than %s of the lives", pct(burstLevel), burstMADs, pct(jumpElsewhere)), Why: "a full heap ends a process at a quarter or a half of the container's limit"},
				{Name: "width", Value: fmt.Sprintf("%s of the life or %s", pct(burstWidth), burstTime), Why: "longer is a level of its own"},
			},
			Source: "recorded incidents: bursts took 1 to 5 minutes", Limits: "Readings rarer than the burst miss it: see " + RuleBlind + ".",
		},
		{
			ID: RuleBlind, Title: "What the time between the last reading and the death hides",
			Question: "Could memory have been filled between the last reading and the death?",
			Test:     "The distance to the limit at the last reading, over the time until the death, is the slowest growth that explains the death. Where the slope seen before explains it, nothing is said.",
			Thresholds: []finding.Threshold{
				{Name: "distance worth naming", Value: pct(blindShare) + " of the limit", Why: "less is within the error of one reading"},
			},
			Source: "arithmetic", Limits: "Needs the limit that was met: the container's for a kill, the heap's for a heap limit.",
		},
		{
			ID: RuleLimit, Title: "When the limit will be reached",
			Question: "How long until a growing container dies?",
			Test:     "(limit × share − floor) ÷ slope from the last reading; the interval comes from the interval of the slope and is withheld where that reaches zero. A heap limit that is not known is learnt from lives that died of it after steady growth.",
			Thresholds: []finding.Threshold{
				{Name: "share of the limit", Value: pct(limitShare), Why: "containers killed for a slow leak were last seen at 98% to 100%"},
				{Name: "interval", Value: pct(intervalLevel), Why: "order statistics of the pairwise slopes"},
			},
			Source: "Sen 1968; the method, section 5.3", Limits: "Supposes that traffic goes on as before.",
		},
		{
			ID: RuleKind, Title: "Which part of the memory grows",
			Question: "Is it the managed heap, memory outside it that the runtime knows, or native memory?",
			Test:     "Median slopes over the lives: heap if it grows by a share of what grows most, else external, else native where the heap is known and flat.",
			Thresholds: []finding.Threshold{
				{Name: "share", Value: pct(partShare), Why: "the method, section 2: heap slope under 0.3 of the resident slope is native"},
			},
			Source: "the method, sections 2 and 5.4", Limits: "Without heap metrics it cannot say.",
		},
		{
			ID: RuleAttribution, Title: "Whose requests explain the growth of memory",
			Question: "Which endpoint's requests keep memory?",
			Test: "The level of memory in all lives, each with its own start, is explained by the cumulative count of one endpoint at a time plus growth with time, in shares that are averaged over. Rivals are time alone, all requests alike, jobs and load; start-up and load are always allowed for. " +
				"Noise is error of reading plus a level that drifts plus a pace that differs between lives and between containers, averaged over. Where memory other than the heap is explained, what leads is compared with time again, with its own traffic of the last minutes allowed for in both: what a request needs for a moment and the process gives back slowly is not kept. " +
				"An endpoint is accused when its probability, its share, and the placebo agree and no other endpoint explains as much.",
			Thresholds: []finding.Threshold{
				{Name: "growth first", Value: "the gate of " + RuleLeak + " in half of the lives of a version", Why: "without growth the shares of a regression mean nothing: a healthy fleet yields 20% to 100%"},
				{Name: "prior", Value: fmt.Sprintf("endpoints %g together, time and jobs %g, all requests %g, load %g", priorEndpoints, priorTimeOnly, priorAll, priorLoad), Why: "even between somebody and nobody; endpoints share theirs, which corrects for their number"},
				{Name: "memory given back slowly", Value: fmt.Sprintf("over %s, %s or %s, or over the time between two floors; odds %g", transientTimes[0], transientTimes[1], transientTimes[2], priorTransient), Why: "in generated fleets whose innocent endpoint needs much for a moment, 10 of 48 accused it without this, none with it"},
				{Name: "likely, conclusive", Value: fmt.Sprintf("%g, %g", likelyP, conclusiveP), Why: "in the sweep of generated fleets at least as many were right"},
				{Name: "share of the growth", Value: pct(accuseShare), Why: "the culprit makes most of it; with a second one found, both together"},
				{Name: "requests by the death", Value: fmt.Sprintf("what varies %g times as much as the ages over %d deaths at one level is possible at most", levelTimes, levelDeaths), Why: "containers die at one level, so what fills them must have done as much by each death"},
				{Name: "inseparable", Value: fmt.Sprintf("within %d of the leader's log Bayes factor", partnerLog), Why: "a factor of twenty"},
			},
			Source: "Durbin and Koopman, Time Series Analysis by State Space Methods; the method, section 5.2",
			Limits: "An endpoint that always comes with another cannot be told from it. What no log shows cannot be accused, and with clients that stick to containers another may look like it.",
		},
		{
			ID: RuleTimeOnly, Title: "Memory grows whatever the requests do",
			Question: "Does time, or a background job, explain the growth?",
			Test:     "The rivals of " + RuleAttribution + " that blame no request: growth with the time that a container lives, or with the runs of a job that the logs tell of.",
			Thresholds: []finding.Threshold{
				{Name: "probability", Value: n(likelyP), Why: "that most of the growth goes with time or a job"},
				{Name: "no endpoint that may make", Value: "more than " + pct(accuseShare) + " of the growth, with 90%", Why: "few readings make time likely by being the simplest explanation, and acquit nobody"},
			},
			Source: "the method, section 5.2", Limits: "Work that no log shows (a queue, another team's job) counts as time.",
		},
		{
			ID: RuleAllRequests, Title: "Every request leaks alike",
			Question: "Does something that all requests share keep memory?",
			Test:     "The cumulative number of all requests is a rival of each endpoint.",
			Thresholds: []finding.Threshold{
				{Name: "probability", Value: n(likelyP), Why: "as for endpoints"},
			},
			Source: "the method, section 5.2", Limits: "Several endpoints that leak look alike.",
		},
		{
			ID: RulePlacebo, Title: "Traffic dealt anew explains growth less well",
			Question: "Would some endpoint have looked as guilty by chance?",
			Test: "The containers' traffic is dealt anew within short stretches of time, as a load balancer might have; where endpoints stick to containers, whole containers change places; with one container, traffic moves in time. " +
				"The share of draws in which some endpoint fits as well as the accused must be small.",
			Thresholds: []finding.Threshold{
				{Name: "share of draws", Value: n(placeboP), Why: "the usual level, for the best of all endpoints at once"},
				{Name: "sticky from", Value: fmt.Sprintf("%g times the variance of random dealing", stickyDispersion), Why: "a random balancer gives 1, one that takes turns less"},
			},
			Source: "the method, section 5.2; permutation tests",
			Limits: "Fewer than four sticky containers cannot reach the threshold.",
		},
	}
}
