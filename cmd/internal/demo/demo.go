// Package demo holds a recorded incident, embedded in the program: 22 minutes of router log, application log, platform log,
// metrics and heap profiles of eight Node.js containers, four of which crash. The recording is real: processes really ran out
// of heap under the traffic that the logs show; cut.go made the files from it.
package demo

import (
	"embed"
	"io/fs"
)

//go:generate go run cut.go ../../../../shared/incidents/S1-1

//go:embed incident
var files embed.FS

// Incident returns the files of the incident, compressed as they were saved.
func Incident() fs.FS {
	sub, err := fs.Sub(files, "incident")
	if err != nil {
		// The folder is named by the directive above: the compiler has checked that it is there.
		return files
	}
	return sub
}
