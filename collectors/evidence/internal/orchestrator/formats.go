// Package orchestrator reads what orchestrators, container engines and platforms tell of the lives and deaths of containers: Kubernetes,
// Docker, ECS, Nomad, Render, and whatever writes its events as one JSON object or CSV line each.
package orchestrator

import (
	"errors"
	"time"

	"lastcall/collectors/evidence/internal/format"
)

// Formats lists them in the order in which they are asked. zone is that of times that name none.
func Formats(zone *time.Location) []format.Format {
	return []format.Format{
		platformEvents{zone},
		platformEventList{zone},
		Kubernetes{},
		kubernetesDescribe{},
		kubernetesTable{},
		podsTable{},
		dockerEvents{},
		dockerInspect{},
		dockerPS{},
		ecsTasks{},
		ecsEvents{},
		ecsStateChanges{},
		renderEvents{},
		nomadAlloc{zone},
		nomadJSON{},
	}
}

// EarlierRestarts is the code of the warning of restarts whose ends a source counts and does not keep. It has one container for an example.
const EarlierRestarts = "earlier_restarts"

// ErrAges is why a table is refused that has ages instead of times, which place nothing, and of which no line tells of an end.
var ErrAges = errors.New("it has ages instead of times")

// The contracts that the formats are to keep, checked at compile time.
var (
	_ format.LineFormat = platformEvents{}
	_ format.LineFormat = dockerEvents{}
	_ format.LineFormat = dockerInspect{}

	_ format.WholeFormat = platformEventList{}
	_ format.WholeFormat = Kubernetes{}

	_ format.Forgetful = (*dockerParser)(nil)
)
