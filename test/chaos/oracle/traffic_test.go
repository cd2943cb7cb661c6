package oracle

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// testdata/writes.jsonl is the recorded traffic of two jobs of a run. chain#job-1 was claimed by i-89605…, whose
// supervisor was killed, reaped (write 269) and finished elsewhere; a delayed checkpoint of its first holder came
// six seconds late and was refused (209). chain#job-11 was handed back by a drain (530) and finished elsewhere.
const (
	first, second = "chain#job-1", "chain#job-11"
	killed        = "i-89605bd6f89ce81e5"
	drained       = "i-04f6f855232b44bd6"
	reaper        = "i-d9242de5e4d144b5c"
)

func at(t *testing.T, clockTime string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339Nano, "2026-11-24T"+clockTime+"Z")
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func facts(t *testing.T) Facts {
	return Facts{Operator: "operator", Lease: 5 * time.Second, Stops: []Stop{
		{Instance: killed, At: at(t, "17:38:22.100"), What: "supervisor killed"},
		{Instance: drained, At: at(t, "17:38:53.700"), What: "drained", Drain: true},
	}}
}

func recorded(t *testing.T) []Record {
	t.Helper()
	text, err := os.ReadFile("testdata/writes.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var out []Record
	for line := range bytes.Lines(text) {
		var r Record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// traffic is recorded traffic that a test changes.
type traffic struct {
	t       *testing.T
	records []Record
}

func (f *traffic) index(order int64) int {
	f.t.Helper()
	i := slices.IndexFunc(f.records, func(r Record) bool { return r.Order == order })
	if i < 0 {
		f.t.Fatalf("no write %d", order)
	}
	return i
}

func (f *traffic) record(order int64) *Record { return &f.records[f.index(order)] }

func (f *traffic) drop(orders ...int64) {
	for _, order := range orders {
		i := f.index(order)
		f.records = slices.Delete(f.records, i, i+1)
	}
}

// again adds a copy of a write as write number order at a time.
func (f *traffic) again(order, number int64, clockTime string) *Record {
	r := *f.record(order)
	r.Order, r.At = number, at(f.t, clockTime)
	r.Answered = r.At.Add(time.Millisecond)
	f.records = append(f.records, r)
	return &f.records[len(f.records)-1]
}

// replace replaces text in a request.
func (r *Record) replace(t *testing.T, old, new string) {
	t.Helper()
	if !strings.Contains(string(r.Request), old) {
		t.Fatalf("no %s in %s", old, r.Request)
	}
	r.Request = json.RawMessage(strings.ReplaceAll(string(r.Request), old, new))
}

// answerAs makes the answer what the table gives that applies the write to what an earlier answer left.
func (f *traffic) answerAs(r *Record, after int64) {
	f.t.Helper()
	r.Status, r.Code = 200, ""
	r.Answer = f.record(after).Answer
	w, err := r.read()
	if err != nil {
		f.t.Fatal(err)
	}
	out := map[string]any{}
	for name, v := range w.apply(w.after) {
		switch v := v.(type) {
		case string:
			out[name] = map[string]any{"S": v}
		case int64:
			out[name] = map[string]any{"N": strconv.FormatInt(v, 10)}
		case bool:
			out[name] = map[string]any{"BOOL": v}
		}
	}
	if r.Answer, err = json.Marshal(map[string]any{"Attributes": out}); err != nil {
		f.t.Fatal(err)
	}
}
