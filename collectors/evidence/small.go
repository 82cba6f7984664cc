package evidence

import "time"

// smallFormats lists the formats of everything but requests: lives and deaths, metrics, profiles. zone is that of times that name
// none.
func smallFormats(zone *time.Location) []Format {
	return []Format{
		scalingoPlatform{},
		herokuPlatform{},
		platformEvents{zone},
		platformEventList{zone},
		kubernetesJSON{},
		dockerEvents{},
		dockerInspect{},
		kernelOOM{zone},
		journald{},
		datadogQuery{},
		datadogTimeseries{},
		prometheusQuery{},
		prometheusText{},
		dockerStats{},
		kubeletStats{},
		metricsCSV{zone},
		crashesCSV{zone},
		pprofProfile{},
		lastWordsLog{zone},
	}
}

// forgetful is implemented by what carries something from one line to a later one. Where several goroutines share a file, whoever
// hands them its chunks calls forget at the beginning of each, or makes a new one: which goroutine reads which chunk is chance, and
// the result must not be.
type forgetful interface{ forget() }

var (
	_ forgetful = (*scalingoParser)(nil)
	_ forgetful = (*herokuParser)(nil)
	_ forgetful = (*kernelParser)(nil)
	_ forgetful = (*dockerParser)(nil)
	_ forgetful = (*journalParser)(nil)
	_ forgetful = (*expositionParser)(nil)
	_ forgetful = (*lastWordsParser)(nil)
	_ forgetful = (*messageReader)(nil)
	_ forgetful = (*jsonLine)(nil)
	_ forgetful = (*tally)(nil)
)

// That each format is what it is meant to be is checked here, at compile time.
var (
	_ LineFormat = scalingoPlatform{}
	_ LineFormat = herokuPlatform{}
	_ LineFormat = platformEvents{}
	_ LineFormat = dockerEvents{}
	_ LineFormat = dockerInspect{}
	_ LineFormat = kernelOOM{}
	_ LineFormat = journald{}
	_ LineFormat = prometheusText{}
	_ LineFormat = lastWordsLog{}

	_ WholeFormat = platformEventList{}
	_ WholeFormat = kubernetesJSON{}
	_ WholeFormat = datadogQuery{}
	_ WholeFormat = datadogTimeseries{}
	_ WholeFormat = prometheusQuery{}
	_ WholeFormat = dockerStats{}
	_ WholeFormat = kubeletStats{}
	_ WholeFormat = metricsCSV{}
	_ WholeFormat = crashesCSV{}
	_ WholeFormat = pprofProfile{}
)
