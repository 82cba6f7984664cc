package evidence

import (
	"time"

	"lastcall/collectors/evidence/internal/access"
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
	all := append(access.Routers(zone), json, jsonArray{json})
	all = append(all, access.Logs(zone)...)
	all = append(all, springLog{zone: zone}, newMonologLog(zone), newKeyValueLog(zone), access.Morgan(zone))
	all = append(all, smallFormats(zone)...)
	all = append(all, newDotnetLog(zone), newGRPCLog(zone))
	all = append(all, jsonMessages{newJSONLines(zone, messageDialect{newAccessDialect()})})
	return append(storedFormats(all), all...)
}
