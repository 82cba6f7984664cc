package naming

import (
	"regexp"
	"strings"

	"lastcall/analyze/internal/intake"
	"lastcall/collectors/record"
)

// numbered is a container as Docker Compose names it before its lines: service and number.
var numbered = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*[-_][0-9]+$`)

// joinProject makes one of the names "api-1", which Docker Compose prints before the lines of a container, and "shop-api-1", which Docker
// gives it: with the name of the project before. It does so only where all those names are of one project, and each is of one container.
// What others than Docker name, as Kubernetes "admin-web-1" and "web-1", are two.
func (c *Canon) joinProject(ev *intake.Evidence, shown map[string]string) {
	ofEngine := map[string]bool{} // keys
	docker := func(format string) bool { return strings.HasPrefix(format, "docker") }
	for i := range ev.Crashes {
		if k := &ev.Crashes[i]; k.Exited && docker(intake.SourceFormat(k.Pos.Source)) {
			ofEngine[c.key(k.Container)] = true
		}
	}
	for i := range ev.Events {
		if e := &ev.Events[i]; e.Reason != record.Listening && docker(intake.SourceFormat(e.Pos.Source)) {
			ofEngine[c.key(e.Container)] = true
		}
	}
	for k := range ev.Series {
		if docker(k.Format) {
			ofEngine[c.key(k.Container)] = true
		}
	}
	full := map[string]string{} // short key -> that with the project
	project := ""
	for k := range ofEngine {
		for i := range len(k) {
			if k[i] != '-' && k[i] != '_' {
				continue
			}
			short := k[i+1:]
			if _, named := shown[short]; !named || ofEngine[short] || !numbered.MatchString(short) {
				continue
			}
			if full[short] != "" || project != "" && project != k[:i] {
				return
			}
			full[short], project = k, k[:i]
		}
	}
	for short, k := range full {
		c.alias[short] = shown[k]
	}
}
