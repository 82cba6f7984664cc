package evidence

// smallFormats lists the formats of everything but requests: lives and deaths, metrics, profiles.
func smallFormats() []Format {
	return []Format{
		scalingoPlatform{},
		herokuPlatform{},
		platformEvents{},
		platformEventList{},
		kubernetesJSON{},
		dockerEvents{},
		kernelOOM{},
		datadogQuery{},
		datadogTimeseries{},
		prometheusQuery{},
		prometheusText{},
		dockerStats{},
		kubeletStats{},
		metricsCSV{},
		crashesCSV{},
		pprofProfile{},
		lastWordsLog{},
	}
}

// That each format is what it is meant to be is checked here, at compile time.
var (
	_ LineFormat = scalingoPlatform{}
	_ LineFormat = herokuPlatform{}
	_ LineFormat = platformEvents{}
	_ LineFormat = dockerEvents{}
	_ LineFormat = kernelOOM{}
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
