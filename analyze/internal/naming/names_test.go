package naming

import (
	"testing"

	"lastcall/analyze/internal/intake"
	"lastcall/collectors/record"
)

// TestAContainerIsKnownByItsAddress: proxies name what is behind them by address and port, platforms by name.
func TestAContainerIsKnownByItsAddress(t *testing.T) {
	a := intake.New(intake.Options{})
	for _, e := range []record.Lifecycle{
		{Container: "api-1", Address: "10.42.0.11"},
		{Container: "api-1", Address: "10.42.0.11"}, // told again
		{Container: "api-2", Address: "fd00::12"},
		{Container: "api-3", Address: "10.42.0.13"}, // an address that went from one pod
		{Container: "api-4", Address: "10.42.0.13"}, // to another
		{Container: "api-5"},
	} {
		if err := a.Lifecycle(&e); err != nil {
			t.Fatal(err)
		}
	}
	ev, err := a.Finish()
	if err != nil {
		t.Fatal(err)
	}
	requests := []string{"10.42.0.11:8080", "10.42.0.11", "[fd00::12]:80", "fd00:0::12", "10.42.0.13:8080", "10.42.0.99:8080", "API-5"}
	ev.Containers = requests
	c := newCanon(ev)
	for name, want := range map[string]string{
		"10.42.0.11:8080": "api-1", "10.42.0.11": "api-1", "::ffff:10.42.0.11": "api-1", "[fd00::12]:80": "api-2", "fd00:0::12": "api-2",
		"10.42.0.13:8080": "10.42.0.13:8080", "10.42.0.99:8080": "10.42.0.99:8080", "API-5": "api-5", "": "", "api-1": "api-1",
	} {
		if got := c.Of(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// TestContainersOfAPodAreTheirOwn: every pod of a fleet has a companion of one name, and what a namespace has is the pod.
func TestContainersOfAPodAreTheirOwn(t *testing.T) {
	a := intake.New(intake.Options{})
	for _, name := range []string{"api-aaaaa", "api-aaaaa/envoy", "api-bbbbb/envoy", "api-bbbbb", "prod/api-ccccc", "/web-1", "/docker/0123456789abcdef", "arn:aws:ecs:eu-west-3:1:task/shop/77"} {
		if err := a.Lifecycle(&record.Lifecycle{Container: name}); err != nil {
			t.Fatal(err)
		}
	}
	ev, err := a.Finish()
	if err != nil {
		t.Fatal(err)
	}
	ev.Containers = []string{"api-ccccc", "WEB-1", "0123456789abcdef", "77"}
	c := newCanon(ev)
	for name, want := range map[string]string{
		"api-aaaaa": "api-aaaaa", "api-aaaaa/envoy": "api-aaaaa/envoy", "api-bbbbb/envoy": "api-bbbbb/envoy", "api-ddddd/envoy": "api-ddddd/envoy",
		"api-ccccc": "prod/api-ccccc", "web-1": "/web-1", "0123456789abcdef": "/docker/0123456789abcdef", "77": "arn:aws:ecs:eu-west-3:1:task/shop/77",
	} {
		if got := c.Of(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// TestAnIDTiesNoNameToItself: a kernel writes the id of a container whole, where others cut it; who else names it is asked for.
func TestAnIDTiesNoNameToItself(t *testing.T) {
	const whole = "32c17803261e84be89a221a65601153cafd6fe415fe8c2a7e7f77a18d2a53e21"
	a := intake.New(intake.Options{})
	for _, k := range []record.Crash{{Container: whole, Instance: whole[:12]}, {Container: "web-3", Instance: whole[:12]}, {Container: whole[:12], Instance: whole}} {
		if err := a.Crash(&k); err != nil {
			t.Fatal(err)
		}
	}
	ev, err := a.Finish()
	if err != nil {
		t.Fatal(err)
	}
	c := newCanon(ev)
	for _, name := range []string{whole, whole[:12], "web-3"} {
		if got := c.Of(name); got != "web-3" {
			t.Errorf("%q is %q", name, got)
		}
	}
}
