package evidence

import "time"

// formats lists every format; of two that are equally sure of an input, the earlier one gets it. zone is that of times that name
// none.
func formats(zone *time.Location) []Format {
	json := newJSONLines(zone,
		datadogDialect{},
		datadogDialect{archive: true},
		pinoDialect{},
	)
	return append([]Format{
		scalingoRouter{zone},
		herokuRouter{zone},
		json,
		datadogLogsAnswer{json},
	}, smallFormats()...)
}
