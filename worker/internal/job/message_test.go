package job_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// FuzzParseMessage: any body is exactly one kind of message or an error; what is accepted is sound and
// survives being sent again.
func FuzzParseMessage(f *testing.F) {
	for _, body := range []string{
		`{"payload":{}}`, `{"id":"a","tenant":"t","payload":[1,2]}`, `{"bell":"a","epoch":3}`, `{"bell":"a"}`, `{"payload":null}`,
		`{}`, `[]`, `null`, `"x"`, `nonsense`, `{"bell":"a","payload":{}}`, `{"payload":1e999}`, "\x00", `{"id":"` + "\u2028" + `","payload":0}`,
		`{"epoch":9223372036854775808,"bell":"a"}`, `{"Payload":{}}`, `{"payload":{},"payload":{}}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		m, err := job.ParseMessage(body)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		if (m.Bell == nil) == (m.Submission == nil) {
			t.Fatalf("bell %v and submission %v", m.Bell, m.Submission)
		}
		var again string
		if m.Bell != nil {
			if err := job.CheckID(m.Bell.ID); err != nil {
				t.Error(err)
			}
			again = m.Bell.JSON()
		} else {
			if err := m.Submission.Check(); err != nil {
				t.Error(err)
			}
			text, err := json.Marshal(m.Submission)
			if err != nil {
				t.Fatal(err)
			}
			again = string(text)
		}
		second, err := job.ParseMessage(again)
		if err != nil {
			t.Fatalf("sent again as %s: %v", again, err)
		}
		if m.Submission != nil { // white space in the payload may differ
			if m.Submission.ID != second.Submission.ID || m.Submission.Tenant != second.Submission.Tenant {
				t.Errorf("sent again as %s", again)
			}
		} else if diff := cmp.Diff(m.Bell, second.Bell); diff != "" {
			t.Errorf("bell (-first +second):\n%s", diff)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add("mail#one")
	f.Add("#")
	f.Add("a#b#c")
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := job.ParseKey(s); err == nil && k.String() != s {
			t.Errorf("%q became %q", s, k)
		}
	})
}
