package evidence

import (
	"time"

	"lastcall/collectors/evidence/internal/containerstats"
	"lastcall/collectors/evidence/internal/datadogmetrics"
	"lastcall/collectors/evidence/internal/format"
	"lastcall/collectors/evidence/internal/orchestrator"
	"lastcall/collectors/evidence/internal/prometheus"
	"lastcall/collectors/evidence/internal/tables"
)

// smallFormats lists the formats of everything but requests: lives and deaths, metrics, profiles. zone is that of times that name
// none.
func smallFormats(zone *time.Location) []format.Format {
	all := []format.Format{
		sidekiqLog{zone}, // also of what a platform received
		celeryLog{zone},
		scalingoPlatform{},
		herokuPlatform{},
		datadogEventList{},
		datadogEvents{},
	}
	all = append(all, orchestrator.Formats(zone)...)
	return append(all,
		cloudWatchStatistics{},
		kernelOOM{zone},
		systemdLog{zone},
		journald{},
		datadogmetrics.Query{},
		datadogmetrics.Timeseries{},
		prometheus.Query{},
		prometheus.Text{},
		containerstats.Docker{},
		containerstats.DockerText{Zone: zone},
		containerstats.Kubelet{},
		tables.Metrics{Zone: zone},
		tables.Crashes{Zone: zone},
		pprofProfile{},
		lastWordsLog{zone},
	)
}

// What carries something from one line to a later one can forget it.
var (
	_ format.Forgetful = (*scalingoParser)(nil)
	_ format.Forgetful = (*herokuParser)(nil)
	_ format.Forgetful = (*kernelParser)(nil)
	_ format.Forgetful = (*journalParser)(nil)
	_ format.Forgetful = (*systemdParser)(nil)
	_ format.Forgetful = (*springParser)(nil)
	_ format.Forgetful = (*lastWordsParser)(nil)
	_ format.Forgetful = (*messageReader)(nil)
	_ format.Forgetful = (*jsonLine)(nil)
	_ format.Forgetful = (*tally)(nil)
)

// That each format is what it is meant to be is checked here, at compile time.
var (
	_ format.LineFormat = scalingoPlatform{}
	_ format.LineFormat = herokuPlatform{}
	_ format.LineFormat = datadogEvents{}
	_ format.LineFormat = kernelOOM{}
	_ format.LineFormat = journald{}
	_ format.LineFormat = systemdLog{}
	_ format.LineFormat = lastWordsLog{}

	_ format.WholeFormat = datadogEventList{}
	_ format.WholeFormat = journalEntries{}
	_ format.WholeFormat = gcpLog{}
	_ format.WholeFormat = flyLog{}
	_ format.WholeFormat = lokiStreams{}
	_ format.WholeFormat = lokiLines{}
	_ format.WholeFormat = cloudWatchEvents{}
	_ format.WholeFormat = cloudWatchInsights{}
	_ format.WholeFormat = cloudWatchTail{}
	_ format.WholeFormat = pprofProfile{}
)
