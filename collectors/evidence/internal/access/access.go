// Package access reads the lines of text in which routers, servers and frameworks tell of one request each, most of them as it ends.
package access

import (
	"bytes"
	"time"

	"lastcall/collectors/evidence/internal/format"
)

// Routers are the logs of platforms' routers. zone is that of times that name none; nil is UTC.
func Routers(zone *time.Location) []format.Format {
	return []format.Format{scalingoRouter{zone}, herokuRouter{zone}}
}

// Logs are the logs of servers and frameworks; of two that are equally sure of an input, the earlier one gets it. zone is as in Routers.
func Logs(zone *time.Location) []format.Format {
	return []format.Format{
		combinedLog{zone},
		haproxyLog{zone},
		envoyLog{zone},
		albLog{zone},
		uwsgiLog{zone},
		ginLog{zone},
		uvicornLog{zone},
		railsLog{zone: zone},
		phoenixLog{zone},
	}
}

// MayBeOfFramework reports whether what a process printed holds a word of Rails, Gin or Phoenix.
func MayBeOfFramework(text []byte) bool {
	for _, s := range [...][]byte{railsStarted, railsCompleted, railsUnrouted, ginTag, phoenixID} {
		if bytes.Contains(text, s) {
			return true
		}
	}
	return false
}
