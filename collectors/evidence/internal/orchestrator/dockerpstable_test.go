package orchestrator_test

import (
	"errors"
	"strings"
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
	"lastcall/collectors/evidence/internal/orchestrator"
)

func TestDockersTableTellsThatContainersEnded(t *testing.T) {
	const (
		ps      = "CONTAINER ID   IMAGE       COMMAND                  CREATED       STATUS                         PORTS                    NAMES\n"
		row     = "4f1e6ad0b1c2   shop:1.42   \"docker-entrypoint.s…\"   3 hours ago   %s   0.0.0.0:3000->3000/tcp   shop-api-1\n"
		compose = "NAME         IMAGE       COMMAND                  SERVICE   CREATED       STATUS                       PORTS\n" +
			"shop-api-1   shop:1.42   \"docker-entrypoint.s…\"   api       3 hours ago   Exited (137) 4 minutes ago   \n"
	)
	of := func(states ...string) string {
		text := ps
		for _, s := range states {
			text += strings.Replace(row, "%s", s+strings.Repeat(" ", max(0, 28-len(s))), 1)
		}
		return text
	}
	for _, c := range []struct {
		name, text string
		want       int64
	}{
		{"killed", of("Exited (137) 4 minutes ago", "Up 3 hours"), 1},
		{"in a loop", of("Restarting (1) 5 seconds ago", "Exited (134) About a minute ago"), 2},
		{"of compose", compose, 1},
		{"stopped", of("Exited (0) 4 minutes ago", "Exited (143) 4 minutes ago"), 0},
		{"all up", of("Up 3 hours (healthy)", "Up 4 seconds"), 0},
		{"long ago", of("Exited (137) 2 days ago", "Exited (1) 3 weeks ago", "Exited (1) 5 months ago"), 0},
		{"created", of("Created"), 0},
		{"odd", of("Exited (one) 4 minutes ago", "Exited (", "Exit 137"), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink, err := formattest.Read(t, orchestrator.DockerPS{}, "ps.txt", []byte(c.text))
			if refused := errors.Is(err, orchestrator.ErrAges); refused != (c.want == 0) || err != nil && !refused {
				t.Errorf("error %v", err)
			}
			if err == nil {
				recognised(t, c.text, "docker-ps")
			}
			var got int64
			for _, w := range sink.Warnings {
				got += w.Count
				if w.Code != orchestrator.UntimedEnds || w.Example == "" || w.Pos.Line < 2 {
					t.Errorf("%+v", w)
				}
			}
			if got != c.want {
				t.Errorf("%d ends, want %d", got, c.want)
			}
		})
	}
}

func FuzzDockerPS(f *testing.F) {
	f.Add([]byte("CONTAINER ID IMAGE COMMAND CREATED STATUS PORTS NAMES\na b c d     Exited (137) 1 second ago x\na\xff\xffb c Restarting (1)"))
	f.Add([]byte("NAME IMAGE COMMAND SERVICE CREATED STATUS PORTS\n…………………………………………………………Exited (1"))
	f.Fuzz(func(t *testing.T, data []byte) { formattest.FuzzDocument(t, orchestrator.DockerPS{}, data) })
}
