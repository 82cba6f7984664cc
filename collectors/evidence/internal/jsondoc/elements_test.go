package jsondoc

import (
	"bytes"
	"context"
	"testing"
)

func FuzzElements(f *testing.F) {
	f.Add([]byte(`{"meta":{"a":"]}"},"data":[{"a":1},2,"x",[3],null],"z":1}`))
	f.Add([]byte(`[{"a":"\"]"} , 1]`))
	f.Add([]byte(`{"data":[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		total := 0
		_ = EachElement(context.Background(), bytes.NewReader(data), "data", func(_ int64, e []byte) error {
			total += len(e)
			return nil
		})
		if total > len(data) {
			t.Fatalf("%d bytes of elements from %d", total, len(data))
		}
	})
}
