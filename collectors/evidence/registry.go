package evidence

import (
	"time"

	"lastcall/collectors/evidence/internal/format"
)

// formats lists every format; of two that are equally sure of an input, the earlier one gets it. zone is that of times that name
// none.
func formats(zone *time.Location) []format.Format {
	json := newJSONLines(zone,
		datadogDialect{},
		datadogDialect{archive: true},
		traefikDialect{},
		caddyDialect{},
		envoyDialect{},
		pinoDialect{},
		structlogDialect{},
		newAccessDialect(),
		pinoChatter{},
	)
	all := []format.Format{
		scalingoRouter{zone},
		herokuRouter{zone},
		json,
		jsonArray{json},
		combinedLog{zone},
		haproxyLog{zone},
		envoyLog{zone},
		albLog{zone},
		uwsgiLog{zone},
		ginLog{zone},
		uvicornLog{zone},
		railsLog{zone: zone},
		phoenixLog{zone},
		springLog{zone: zone},
		newMonologLog(zone),
		newKeyValueLog(zone),
	}
	all = append(all, smallFormats(zone)...)
	all = append(all, newDotnetLog(zone), newGRPCLog(zone))
	all = append(all, jsonMessages{newJSONLines(zone, messageDialect{newAccessDialect()})})
	return append(storedFormats(all), all...)
}
