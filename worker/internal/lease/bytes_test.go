package lease_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// odd are texts that JSON libraries like to write otherwise.
var odd = map[string]string{
	"signs of web pages":   `{"a":"<b>&</b>"}`,
	"escapes as they came": `{"a":"\u003c\u00e9\/\ud83d\ude00"}`,
	"line separators":      "{\"a\":\"\u2028\u2029\"}",
	"all planes":           `{"é":"漢字😀"}`,
	"numbers":              `[1.0,1e3,12345678901234567890,-0]`,
	"a key twice":          `{"a":1,"a":2}`,
	"the replacement":      "[\"\ufffd\"]",
}

// TestBytesStayBytes: payload and cursor reach the slot as they were sent, from the item and from the bucket.
func TestBytesStayBytes(t *testing.T) {
	for name, text := range odd {
		for size, filler := range map[string]string{"small": "", "large": strings.Repeat("x", job.InlineCursor)} {
			t.Run(name+"/"+size, func(t *testing.T) {
				value := `{"filler":"` + filler + `","odd":` + text + `}`
				w := newWorld(t)
				claimed, err := w.claimer().Take(t.Context(), message(`{"id":"one","payload":`+value+`}`))
				if err != nil || claimed == nil {
					t.Fatalf("claimed %v, error %v", claimed, err)
				}
				a := lease.Begin(t.Context(), w.deps, *claimed, w.slot)
				a.Drain("signal", timing.DrainBudget)
				cp := &protocol.Checkpoint{Cursor: json.RawMessage(value), Version: "mail@1"}
				a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Stopped, Checkpoint: cp}))
				if j := w.job(); (j.PayloadRef != "") != (filler != "") || (j.CursorRef != "") != (filler != "") {
					t.Fatalf("objects %q, %q", j.PayloadRef, j.CursorRef)
				}
				_, s := w.resume()
				if got := s.orders[0].Run; string(got.Payload) != value || string(got.Cursor) != value {
					t.Errorf("the slot was given\n%.300s and\n%.300s, want\n%.300s", got.Payload, got.Cursor, value)
				}
			})
		}
	}
}

// TestWhatIsNotUTF8IsRefusedAtTheDoor: the table would keep it in another form than the bucket.
func TestWhatIsNotUTF8IsRefusedAtTheDoor(t *testing.T) {
	for size, filler := range map[string]string{"small": "", "large": strings.Repeat("x", job.InlineCursor)} {
		t.Run(size, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.claimer().Take(t.Context(), message(`{"id":"one","payload":"`+filler+"\xff"+`"}`))
			if rejected, ok := errors.AsType[*lease.RejectedError](err); !ok || !strings.Contains(rejected.Reason, "is not UTF-8: byte 0xff at offset") {
				t.Errorf("error %v, want a rejected message", err)
			}
			if keys := w.blobs.Keys(); len(keys) != 0 {
				t.Errorf("wrote %v", keys)
			}
		})
	}
}
