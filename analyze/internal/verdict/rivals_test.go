package verdict

import (
	"testing"

	"lastcall/collectors/record"
)

func TestAListIsOfThePoolThatItNames(t *testing.T) {
	for _, c := range []struct {
		name  string
		event record.Lifecycle
		want  bool
	}{
		{"without it", record.Lifecycle{Service: "web", Reason: "web-1,web-3"}, true},
		{"without any", record.Lifecycle{Text: "Service list of web refreshed"}, true},
		{"a sentence", record.Lifecycle{Text: "members are now web-1, web-3."}, true},
		{"with it", record.Lifecycle{Service: "web", Reason: "web-1,web-2"}, false},
		{"with it, between blanks", record.Lifecycle{Text: "members of web: web-1 web-2 web-3"}, false},
		{"with it, at the end of a sentence", record.Lifecycle{Text: "members are now web-1 and web-2."}, false},
		{"with one whose name begins alike", record.Lifecycle{Service: "web", Reason: "web-1,web-20"}, true},
		{"of a pool whose name begins alike", record.Lifecycle{Service: "webhooks", Reason: "webhooks-1,webhooks-3"}, false},
		{"of another", record.Lifecycle{Service: "db", Reason: "db-1"}, false},
	} {
		if got := refreshedWithout(&c.event, "web-2", "web"); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
