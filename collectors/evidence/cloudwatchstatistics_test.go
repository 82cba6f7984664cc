package evidence

import (
	"strings"
	"testing"

	"lastcall/collectors/evidence/internal/formattest"
)

func TestStatisticsOfCloudWatchAreOfNoContainer(t *testing.T) {
	const text = `{
    "Label": "MemoryUtilization",
    "Datapoints": [
        {"Timestamp": "2026-11-02T06:00:00+00:00", "Average": 22.6641, "Maximum": 24.1063, "Unit": "Percent"},
        {"Timestamp": "2026-11-02T06:01:00+00:00", "Average": 24.0874, "Maximum": 24.8367, "Unit": "Percent"}
    ]
}`
	if f, score := bestFormat([]byte(text)); f == nil || f.Name() != "cloudwatch-statistics" {
		t.Fatalf("recognised as %v (%d)", f, score)
	}
	sink := formattest.MustRead(t, cloudWatchStatistics{}, "memory.json", text)
	if len(sink.Warnings) != 1 || sink.WarningCount("no_container") != 2 || len(sink.Samples) != 0 || !strings.Contains(sink.Warnings[0].Example, "MemoryUtilization") {
		t.Errorf("%+v", sink)
	}
}

func FuzzCloudWatchStatistics(f *testing.F) {
	f.Add([]byte(`{"Label":"m","Datapoints":[{"Timestamp":"2026-11-02T06:00:00+00:00","Average":22.6,"Unit":"Percent"}]}`))
	f.Add([]byte(`{"Label":7,"Datapoints":[{},1]}`))
	f.Fuzz(func(t *testing.T, data []byte) { formattest.FuzzDocument(t, cloudWatchStatistics{}, data) })
}
