package job_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"

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

func TestControlCharactersAreRefused(t *testing.T) {
	for _, text := range []string{"\x1b[2J", "a\nb", "a\tb", "\x00", "\x7f", "\u0085", "\u009b31m", "\u2028", "\u2029", "\u202e", "\u200f", "\u061c", "\u2069"} {
		for _, field := range []string{"tenant", "id", "bell"} {
			body, err := json.Marshal(map[string]any{field: text, "payload": 1, "epoch": 1})
			if err != nil {
				t.Fatal(err)
			}
			_, err = job.ParseMessage(string(body))
			if err == nil || strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%s %q: error %q, want one that can be printed", field, text, err)
			}
		}
	}
	for _, tenant := range []string{"", "acme", "Grüße & Söhne", "日本語", "e\u0301", "می\u200cخواهم", "שלום"} {
		if err := (job.Submission{Tenant: tenant, Payload: json.RawMessage("1")}).Check(); err != nil {
			t.Errorf("tenant %q: %v", tenant, err)
		}
	}
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

// TestTextIsUTF8: what could not come back as it was is refused, with a reason that says where it is.
func TestTextIsUTF8(t *testing.T) {
	for body, want := range map[string]string{
		"{\"payload\":\"\xff\"}":                      "is not UTF-8: byte 0xff at offset 12",
		"{\"payload\":1,\"other\":\"\xc3\"}":          "is not UTF-8: byte 0xc3 at offset 22",
		"{\"tenant\":\"\xed\xa0\x80\",\"payload\":1}": "is not UTF-8: byte 0xed at offset 11",
		`{"tenant":"\ud800","payload":1}`:             "tenant: holds a character that cannot be read: is it UTF-8?",
		`{"tenant":"<ö & \u00e9>","payload":1}`:       "",
		`{"payload":"\ud800<&>\ufffd"}`:               "",
	} {
		m, err := job.ParseMessage(body)
		if got := fmt.Sprint(err); want != "" && got != want || want == "" && err != nil {
			t.Errorf("%q: %v, want %q", body, err, want)
		}
		if _, payload, _ := strings.Cut(body, `"payload":`); want == "" && string(m.Submission.Payload)+"}" != payload {
			t.Errorf("%q: payload %s", body, m.Submission.Payload)
		}
	}
	if err := (job.Submission{Payload: json.RawMessage("\"\xff\"")}).Check(); err == nil || err.Error() != "payload: is not UTF-8: byte 0xff at offset 1" {
		t.Errorf("a payload by itself: %v", err)
	}
}
