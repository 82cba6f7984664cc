package naming

import (
	"maps"
	"slices"
	"strings"

	"lastcall/analyze/internal/intake"
	"lastcall/analyze/life"
	"lastcall/collectors/record"
)

// Sources tell of the containers of a pod as "pod/container", and of the pod alone where they know no more. The container that the pod is
// there for goes by the pod's name, so that a death that the platform tells of the pod, its requests and its memory are one's; its companions
// keep both names. Which it is is asked when all is read, as the first that some source happens to tell of may be any:
//
//  1. the one that the pod's description names (the annotation of kubectl, otherwise the first that is no known companion),
//  2. the only one that is told of and no known companion,
//  3. the one that began first, as the kubelet starts them in the order of the description,
//  4. the only one that requests name.
//
// Of a pod that is left no container is taken for the pod: what is told of the pod alone is nobody's, and a warning says so.

// pods are the pods of which containers are told, by [key].
type pods struct {
	inner map[string]map[string]bool // containers of each that are no known companions
	of    map[string]int             // how many pods have a container of this name
	alone map[string]bool            // names without a slash
	main  map[string]string
}

// namePods gives main containers the names of their pods. It returns the pods of which nothing tells the main one, with their containers.
func namePods(ev *intake.Evidence) (unclear map[string][]string) {
	p := &pods{inner: map[string]map[string]bool{}, of: map[string]int{}, alone: map[string]bool{}, main: map[string]string{}}
	known := map[string]map[string]bool{}
	eachName(ev, func(name string, _ bool) {
		k := key(name)
		pod, inner, ok := cutLast(k)
		switch {
		case !ok:
			p.alone[k] = true
		case known[pod] == nil:
			known[pod] = map[string]bool{inner: true}
			p.of[inner]++
		case !known[pod][inner]:
			known[pod][inner] = true
			p.of[inner]++
		}
	})
	for pod, all := range known {
		for inner := range all {
			if p.isPod(pod, inner) && !record.IsSidecar(inner) {
				if p.inner[pod] == nil {
					p.inner[pod] = map[string]bool{}
				}
				p.inner[pod][inner] = true
			}
		}
	}
	unclear = p.findMains(ev)
	if len(p.main) == 0 {
		return unclear
	}
	rename(ev, func(name string) string {
		if before, last, ok := cutLast(strings.TrimPrefix(name, "/")); ok && p.main[key(before)] == key(last) {
			return before
		}
		return name
	})
	for raw, name := range ev.Containers {
		if before, last, ok := cutLast(name); ok && p.main[key(before)] == key(last) {
			ev.Containers[raw] = before
		}
	}
	return unclear
}

// isPod reports whether a name of two parts is that of a container in its pod, rather than of a pod in its namespace: pods are told of alone
// as well, or have names and ids that no two share, while their containers have the same names in all of them.
func (p *pods) isPod(before, last string) bool {
	_, named := life.PodOf(before + "/" + last)
	return p.alone[before] || (named || life.IsID(strings.ReplaceAll(before, "-", ""))) && (!p.alone[last] || p.of[last] > 1)
}

// findMains decides which container is the main one of each pod, takes what says so out of the events, and warns where nothing does.
func (p *pods) findMains(ev *intake.Evidence) (unclear map[string][]string) {
	said := map[string]map[string]string{record.Described: {}, record.BegunFirst: {}} // by reason and pod
	ev.Events = slices.DeleteFunc(ev.Events, func(e record.Lifecycle) bool {
		if e.Kind != record.MainContainer {
			return false
		}
		pod, inner, ok := cutLast(key(e.Container))
		if of := said[e.Reason]; ok && of != nil && (of[pod] == "" || inner < of[pod]) {
			of[pod] = inner
		}
		return true
	})
	serving := map[string][]string{} // by pod
	for _, name := range ev.Containers {
		if pod, inner, ok := cutLast(key(name)); ok && p.inner[pod][inner] {
			serving[pod] = append(serving[pod], inner)
		}
	}
	for _, pod := range slices.Sorted(maps.Keys(p.inner)) {
		all := p.inner[pod]
		first := said[record.BegunFirst][pod]
		main := said[record.Described][pod]
		switch {
		case main != "":
		case len(all) == 1:
			for main = range all {
			}
		case all[first]:
			main = first
		case len(serving[pod]) == 1:
			main = serving[pod][0]
		case p.alone[pod]:
			if unclear == nil {
				unclear = map[string][]string{}
			}
			unclear[pod] = slices.Sorted(maps.Keys(all))
			continue
		}
		if main != "" {
			p.main[pod] = main
		}
	}
	// One that is described and has a known companion's name is the main one all the same.
	for pod, main := range said[record.Described] {
		p.main[pod] = main
	}
	if len(unclear) > 0 {
		first := slices.Sorted(maps.Keys(unclear))[0]
		k := intake.WarningKey{Code: "main_container_unknown", Text: "pods with several containers, of which nothing tells the one that what is said of the pod alone is about: it is tied to none of them. Save the pods as well (kubectl get pods -o json)"}
		ev.Warnings[k] = &record.Warning{Code: k.Code, Text: k.Text, Count: int64(len(unclear)), Example: first + ": " + strings.Join(unclear[first], ", ")}
	}
	return unclear
}

// Unclear returns the names of the containers of a pod where nothing tells which of them what is told of the pod alone is about.
func (c *Canon) Unclear(pod string) (names []string) {
	for _, inner := range c.unclear[key(pod)] {
		names = append(names, c.Of(pod+"/"+inner))
	}
	return names
}

// tiePods names what a kernel killed in a pod of Kubernetes after the container of that pod, where no source tells of two: the pod keeps its
// UID when its container is started again under another id, and of the ids before the last no description is kept.
func tiePods(ev *intake.Evidence) {
	names := map[string]string{}
	learn := func(pod, container string) {
		if pod == "" || container == "" || HexID(container) {
			return
		}
		if old, known := names[pod]; known && old != container {
			container = ""
		}
		names[pod] = container
	}
	for i := range ev.Events {
		learn(ev.Events[i].Pod, ev.Events[i].Container)
	}
	for i := range ev.Crashes {
		learn(ev.Crashes[i].Pod, ev.Crashes[i].Container)
	}
	for i := range ev.Crashes {
		k := &ev.Crashes[i]
		if name := names[k.Pod]; name != "" && (k.Container == "" || HexID(k.Container)) {
			k.Container = name
		}
	}
}
