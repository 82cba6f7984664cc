package orchestrator

// What the tests look at one by one.
type (
	DockerEvents       = dockerEvents
	DockerInspect      = dockerInspect
	DockerPS           = dockerPS
	ECSEvents          = ecsEvents
	ECSStateChanges    = ecsStateChanges
	ECSTasks           = ecsTasks
	KubernetesDescribe = kubernetesDescribe
	KubernetesTable    = kubernetesTable
	PodsTable          = podsTable
	NomadAlloc         = nomadAlloc
	NomadJSON          = nomadJSON
	PlatformEventList  = platformEventList
	PlatformEvents     = platformEvents
	RenderEvents       = renderEvents
)

// UntimedEnds is the code of a warning.
const UntimedEnds = untimedEnds

// ParseQuantity is tested by itself.
var ParseQuantity = parseQuantity
