package exec

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/processor"
)

// FuzzReport: a line of a program changes what it names and nothing else, or is an error in few words that
// changes nothing; a checkpoint is a line with a cursor, which is kept to the byte.
func FuzzReport(f *testing.F) {
	for _, line := range []string{
		`{"cursor": {"at": [1, "<"]}, "done": 12, "total": 40, "unit": "files"}`, `{"done":3}`, `{"unit":""}`, `{"cursor":null}`, `{"cursor":0}`, `{}`, `null`, `[]`, ``,
		`{"retryAt":"2030-01-02T03:04:05Z"}`, `{"retryAt":"soon"}`, `{"done":1.5}`, `{"done":1}{}`, `{"percent":3}`, `{"cursor":{"a":1},"cursor":{"b":2}}`, "{\"unit\":\"\xff\"}",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		before := processor.Step{Cursor: json.RawMessage(`"before"`), Progress: processor.Progress{Done: 1, Total: 2, Unit: "u"}}
		s := &steps{job: &processor.Job{}, reached: before}
		checkpoint, err := s.take(line)
		if err != nil {
			if diff := cmp.Diff(before, s.reached); diff != "" || checkpoint || !s.retryAt.IsZero() {
				t.Errorf("error %q, and yet checkpoint %t, retry at %s, reached (-before +after):\n%s", err, checkpoint, s.retryAt, diff)
			}
			if text := err.Error(); len(text) > 1000 || strings.Contains(text, "\n") {
				t.Errorf("error %q", text)
			}
			return
		}
		if len(bytes.TrimSpace(line)) == 0 {
			line = []byte("{}") // a sign of life
		}
		var named map[string]json.RawMessage // nil for the line "null"
		if err := json.Unmarshal(line, &named); err != nil {
			t.Fatalf("took %q as a report: %v", line, err)
		}
		says := func(name string) bool {
			for key := range named {
				if strings.EqualFold(key, name) {
					return true
				}
			}
			return false
		}
		p, q := before.Progress, s.reached.Progress
		if p.Done != q.Done && !says("done") || p.Total != q.Total && !says("total") && (q.Total != 0 || q.Done <= p.Total) || p.Unit != q.Unit && !says("unit") || !s.retryAt.IsZero() && !says("retryAt") {
			t.Errorf("line %q changed progress to %+v, retry at %s", line, q, s.retryAt)
		}
		cursor := s.reached.Cursor.(json.RawMessage)
		if checkpoint != says("cursor") || !json.Valid(cursor) || checkpoint && !bytes.Contains(line, cursor) {
			t.Errorf("line %q: checkpoint %t of cursor %s", line, checkpoint, cursor)
		}
	})
}
