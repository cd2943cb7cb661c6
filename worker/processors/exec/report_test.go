package exec

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// TestWhatAReportMay is the table of README.md: a value is read as it is meant, or its report is refused with the reason.
func TestWhatAReportMay(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	type reached struct {
		Cursor   string
		Progress processor.Progress
		RetryAt  time.Time
	}
	progress := func(done, total int64, unit string) reached {
		return reached{"0", processor.Progress{Done: done, Total: total, Unit: unit}, time.Time{}}
	}
	before := progress(1, 5, "files")
	later := before
	later.RetryAt = at
	for line, want := range map[string]any{
		`{"done":2}`:                 progress(2, 5, "files"),
		`{"done":2.0,"total":1.2e1}`: progress(2, 12, "files"),
		`{"done":5}`:                 progress(5, 5, "files"),
		`{"done":6}`:                 progress(6, 0, "files"),
		`{"done":6,"total":4}`:       progress(6, 0, "files"),
		`{"total":0}`:                progress(1, 0, "files"),
		`{"unit":""}`:                progress(1, 5, ""),
		`{"unit":"<söhne> & 漢"}`:     progress(1, 5, "<söhne> & 漢"),
		`{"done":null,"total":null,"unit":null,"retryAt":null}`: before,
		``:                                   before,
		" \r":                                before,
		`{}`:                                 before,
		`{"cursor":"<&>\u003c"}`:             reached{`"<&>\u003c"`, before.Progress, time.Time{}},
		`{"cursor":false,"done":2}`:          reached{"false", processor.Progress{Done: 2, Total: 5, Unit: "files"}, time.Time{}},
		`{"retryAt":"2030-01-02T03:04:05Z"}`: later,
		`{"retryAt":"2030-01-02T04:04:05+01:00"}`: later,
		`{"retryAt":"2030-01-02T03:04:05"}`:       later,
		`{"retryAt":"2030-01-02T03:04:05.000"}`:   later,

		`{"done":-1}`:                        "done: -1, want 0 to 9007199254740992",
		`{"done":1.5}`:                       "done: 1.5 is not a whole number",
		`{"done":1e400}`:                     "done: 1e400 is not a whole number",
		`{"done":"2"}`:                       `done: "2" is not a whole number`,
		`{"done":true}`:                      "done: true is not a whole number",
		`{"done":9223372036854775808}`:       "done: 9223372036854775808 is not a whole number",
		`{"done":9007199254740993}`:          "done: 9007199254740993, want 0 to",
		`{"total":-1}`:                       "total: -1, want 0 to",
		`{"unit":7}`:                         "unit: 7 is not a string",
		`{"unit":"a\nb"}`:                    `unit: "a\nb" holds a character that cannot be shown`,
		`{"unit":"\ud800"}`:                  "unit: ",
		"{\"unit\":\"\xff\"}":                "is not UTF-8: byte 0xff at offset 9",
		"{\"cursor\":\"\xff\"}":              "is not UTF-8: byte 0xff at offset 11",
		`{"cursor":null}`:                    "cursor: null, with which the job would start over",
		`{"cursor":1,"unit":7}`:              "unit: 7 is not a string",
		`{"cursor":1,"retryAt":"soon"}`:      `retryAt: "soon" is not a time`,
		`{"retryAt":1893553445}`:             "retryAt: 1893553445 is not a string",
		`{"retryAt":"1893553445"}`:           `retryAt: "1893553445" is not a time`,
		`{"retryAt":"0001-02-03T04:05:06Z"}`: "retryAt: a time in the year 1, want",
		`{"unit":"` + strings.Repeat("u", 300_000) + `"}`:              "unit: 300000 bytes, want at most 32",
		`{"cursor":"` + strings.Repeat("c", protocol.MaxCursor) + `"}`: "a cursor of 131074 bytes, more than 131072",
	} {
		t.Run(fmt.Sprintf("%.60s", line), func(t *testing.T) {
			s := &steps{job: &processor.Job{}, reached: processor.Step{Cursor: json.RawMessage("0"), Progress: before.Progress}}
			_, err := s.take([]byte(line))
			if reason, ok := want.(string); ok {
				if refused, ok := errors.AsType[*refusedError](err); !ok || !strings.Contains(refused.Error(), reason) {
					t.Errorf("error %v, want the refusal %q", err, reason)
				}
				want = before
			} else if err != nil {
				t.Error(err)
			}
			got := reached{string(s.reached.Cursor.(json.RawMessage)), s.reached.Progress, s.retryAt.UTC()}
			if diff := cmp.Diff(want, any(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
