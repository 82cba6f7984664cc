package analyze_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lastcall/analyze"
	"lastcall/collectors/record"
)

// TestAContainerWhoseLogIsMissingIsTold: it died, others like it serve requests, and there is none of it. A worker serves none.
func TestAContainerWhoseLogIsMissingIsTold(t *testing.T) {
	for died, missing := range map[string]bool{"web-1": false, "web-3": true, "worker-1": false} {
		r := look(t, analyze.Options{}, func(s record.Sink) {
			for i := range 3600 {
				served(t, s, routerLog, int64(i+1), fmt.Sprintf("web-%d", i%2+1), "/api/orders", fmt.Sprint("r", i), dawn.Add(time.Duration(i)*time.Second), 50*time.Millisecond, record.Answered)
			}
			if err := s.Crash(killed(died, dawn.Add(50*time.Minute))); err != nil {
				t.Fatal(err)
			}
		})
		told := false
		for _, w := range r.Warnings {
			if w.Code == "requests_missing" {
				told = true
				if w.Count != 1 || !strings.Contains(w.Text, "(web-3)") {
					t.Errorf("%d: %s", w.Count, w.Text)
				}
			}
		}
		if told != missing {
			t.Errorf("%s: told %v", died, told)
		}
	}
}
