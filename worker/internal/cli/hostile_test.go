package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/internal/plainjson"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// TestJobsOfStrangersAreOneLineEach: no field of a job, as an earlier release may have stored it, draws on the terminal.
func TestJobsOfStrangersAreOneLineEach(t *testing.T) {
	const evil = "x\x1b]52;c;cm0=\x07\n\u202e\u009b2J\x7f"
	j := job.Job{
		Key: job.Key{ContentType: "mail", ID: "one"}, State: job.Dead, Owner: evil, Tenant: evil, LastError: evil, CursorRef: evil, PayloadRef: evil,
		CursorVersion: evil, Cursor: `{"a":"\u009b` + "\u009b" + `"}`, Payload: json.RawMessage("{\n\"a\":\"\u202e\"}"), Position: job.Position{Done: 1, Total: 2, Unit: evil},
		Pace: job.Pace{PerSecond: 1}, CreatedAt: time.Now(), UpdatedAt: time.Now(), Expires: time.Now(),
	}
	for name, c := range map[string]struct {
		lines int
		print func(e *env) error
	}{
		"list":    {2, func(e *env) error { return printTable(e.out, []job.Job{j}) }},
		"follow":  {1, func(e *env) error { lines(e.out)(j); return nil }},
		"ended":   {1, func(e *env) error { _ = conclude(e, j, false); return nil }},
		"tail":    {1, func(e *env) error { return (&tailCommand{}).printer(e)(string(job.Dead), j) }},
		"started": {1, func(e *env) error { return (&tailCommand{}).printer(e)("runs", j) }},
		"show":    {14, func(e *env) error { return tell(t.Context(), e, nil, j) }},
	} {
		var out strings.Builder
		if err := c.print(&env{out: operator.Printer{To: &out}, err: operator.Printer{To: &out}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := strings.Count(out.String(), "\n"); n != c.lines {
			t.Errorf("%s: %d lines, want %d:\n%q", name, n, c.lines, out.String())
		}
		if acts := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }); acts >= 0 {
			t.Errorf("%s: a terminal acts on what is printed at %q", name, out.String()[acts:])
		}
	}
}

// TestATextThatIsNoJSONSpoilsNoList: a payload or cursor that another release or a person has broken is shown as a string.
func TestATextThatIsNoJSONSpoilsNoList(t *testing.T) {
	j := job.Job{Key: job.Key{ContentType: "mail", ID: "one"}, Payload: json.RawMessage(`{"a":"&`), Cursor: "\xff"}
	text, err := plainjson.Marshal([]jobView{viewOf(j)})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"payload":"{\"a\":\"&"`, `"cursor":"\ufffd"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("want %s in %s", want, text)
		}
	}
}
