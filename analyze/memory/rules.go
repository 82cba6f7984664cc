package memory

import (
	"time"

	"lastcall/analyze/finding"
)

// Thresholds of the shapes; Rules gives each its reason.
const (
	minReadings       = 8    // fewer say nothing about a shape
	confidentReadings = 20   // flat or sawtooth is sure from here
	intervalLevel     = 0.90 // of every interval
	blockReadings     = 5    // readings per floor, at least
	maxFloors         = 48
	minFloors         = 12
	minFloorsGC       = 8 // where the garbage collector makes long saw teeth
	warmUp            = 5 * time.Minute
	warmUpShare       = 0.15 // of a short life
	trendP            = 0.01
	growthShare       = 0.04 // of the limit
	growthMADs        = 3
	unknownLimit      = 3.0 // limit assumed for the growth gate, in levels, where none is known
	secondHalf        = 0.35
	lastThird         = 0.20
	stepShare         = 0.70
	loadWindow        = 5 * time.Minute
	loadRise          = 0.10 // of the mean load
	burstMADs         = 6
	burstLimit        = 0.15
	burstLevel        = 0.25
	burstWidth        = 0.15
	burstTime         = 5 * time.Minute
	plateauRise       = 0.10
	sawtoothSwing     = 0.10
	sawtoothDrops     = 3
	limitShare        = 0.97
	longLife          = 23 * time.Hour
	reachedShare      = 0.85
	alikeShare        = 0.25
	promoteShare      = 0.5 // of the typical leak's slope
	blindShare        = 0.05
	aloneGrowth       = 0.25
	unslowedHalf      = 0.7
	shortLife         = 6 * time.Hour
	creepShare        = 0.10
	collections       = 3   // collapses that make a saw tooth
	collapse          = 0.5 // of the swing
	toothWidths       = 1.2 // saw teeth per floor
)

// Thresholds of the attribution.
const (
	partShare        = 0.30
	minRegressed     = 3 // readings of a life
	minFloorsPerLife = 3
	minRows          = 12
	maxRowsPerLife   = 300
	minRequests      = 3
	priorTimeOnly    = 0.25
	priorAll         = 0.15
	priorLoad        = 0.10
	priorEndpoints   = 0.50
	partnerLog       = 3
	placeboFrom      = 0.5
	placeboEndpoints = 60
	minSwaps         = 5
	placeboP         = 0.05
	stickyDispersion = 2.0
	stickyRequests   = 30
	conclusiveP      = 0.99
	likelyP          = 0.90
	possibleP        = 0.50
	accuseShare      = 0.50
	aloneShare       = 0.85
	secondShare      = 0.15
	startUpFade      = 0.25
)

// paceGrid are the spreads of the pace of growth between lives, and between containers, that are averaged over; of the mean pace.
var paceGrid = [...]float64{0, 0.15, 0.5}

// noiseGrid are the ratios, per step between readings, of drift to reading error that are averaged over.
var noiseGrid = [...]float64{0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 100}

// Rules documents the tests of this package.
func Rules() []finding.Rule {
	return []finding.Rule{
		{ID: "memory.leak", Title: "Memory grows steadily in the lives of containers"},
		{ID: "memory.plateau", Title: "Memory grew and then levelled off: warm-up or filling cache"},
		{ID: "memory.blind", Title: "What the time between the last reading and the death hides"},
		{ID: "leak.attribution", Title: "Whose requests explain the growth of memory"},
		{ID: "leak.time-only", Title: "Memory grows whatever the requests do"},
	}
}
