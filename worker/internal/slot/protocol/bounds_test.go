package protocol_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// TestReportsAreBounded is the table of what a slot may report.
func TestReportsAreBounded(t *testing.T) {
	progress := func(done, total int64, unit string) protocol.Report {
		return protocol.Report{Progress: &protocol.Progress{Done: done, Total: total, Unit: unit}}
	}
	checkpoint := func(cursor, version string) *protocol.Checkpoint {
		return &protocol.Checkpoint{Cursor: json.RawMessage(cursor), Version: version}
	}
	outcome := func(o protocol.Outcome) protocol.Report { return protocol.Report{Outcome: &o} }
	for name, c := range map[string]struct {
		report protocol.Report
		want   string // "": sound
	}{
		"nothing":               {protocol.Report{}, "0 kinds in one line"},
		"two kinds":             {protocol.Report{Ready: &protocol.Ready{}, Progress: &protocol.Progress{}}, "2 kinds in one line"},
		"progress":              {progress(3, 9, "söhne & <b>"), ""},
		"total not known":       {progress(3, 0, ""), ""},
		"more than there is":    {progress(10, 9, ""), ""},
		"the largest":           {progress(protocol.MaxCount, protocol.MaxCount, strings.Repeat("u", protocol.MaxUnit)), ""},
		"negative":              {progress(-1, 9, ""), "done: -1, want 0 to"},
		"negative total":        {progress(1, -9, ""), "total: -9, want 0 to"},
		"too many":              {progress(protocol.MaxCount+1, 0, ""), "done: 9007199254740993, want 0 to 9007199254740992"},
		"too many in total":     {progress(1, protocol.MaxCount+1, ""), "total: 9007199254740993, want"},
		"a long unit":           {progress(1, 2, strings.Repeat("u", 300_000)), "unit: 300000 bytes, want at most 32"},
		"a unit of two lines":   {progress(1, 2, "a\nb"), `unit: "a\nb" holds a character that cannot be shown`},
		"a unit of a terminal":  {progress(1, 2, "\x1b[2J"), "cannot be shown"},
		"a unit that turns":     {progress(1, 2, "\u202ea"), "cannot be shown"},
		"a unit that is spoilt": {progress(1, 2, "\xff"), "cannot be shown"},
		"ready":                 {protocol.Report{Ready: &protocol.Ready{Processor: "p@1"}}, ""},
		"a long name":           {protocol.Report{Ready: &protocol.Ready{Processor: strings.Repeat("p", 129)}}, "version: 129 bytes"},
		"checkpoint":            {protocol.Report{Checkpoint: checkpoint("{}", "p@1")}, ""},
		"a long version":        {protocol.Report{Checkpoint: checkpoint("{}", strings.Repeat("p", 129))}, "version: 129 bytes"},
		"no cursor":             {protocol.Report{Checkpoint: checkpoint("", "p@1")}, "cursor: is missing"},
		"a long cursor":         {protocol.Report{Checkpoint: checkpoint(strings.Repeat("1", protocol.MaxCursor+1), "p@1")}, "a cursor of 131073 bytes, more than 131072"},
		"progress of a cursor":  {protocol.Report{Checkpoint: &protocol.Checkpoint{Cursor: json.RawMessage("1"), Progress: protocol.Progress{Done: -1}}}, "done: -1"},
		"outcome":               {outcome(protocol.Outcome{Kind: protocol.Later, At: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), Error: strings.Repeat("e", protocol.MaxError)}), ""},
		"no such outcome":       {outcome(protocol.Outcome{Kind: "perhaps"}), `unknown outcome "perhaps"`},
		"a long error":          {outcome(protocol.Outcome{Kind: protocol.Retry, Error: strings.Repeat("e", protocol.MaxError+1)}), "error: 1001 bytes"},
		"a distant time":        {outcome(protocol.Outcome{Kind: protocol.Later, At: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}), "a time in the year 10000, want 1970 to 9999"},
		"an early time":         {outcome(protocol.Outcome{Kind: protocol.Later, At: time.Date(1, 2, 1, 0, 0, 0, 0, time.UTC)}), "a time in the year 1"},
		"the last checkpoint":   {outcome(protocol.Outcome{Kind: protocol.Done, Checkpoint: checkpoint("", "p@1")}), "cursor: is missing"},
	} {
		if err := c.report.Check(); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestMoreDoneThanThereIs(t *testing.T) {
	for _, c := range []struct{ done, total, want int64 }{{3, 9, 9}, {9, 9, 9}, {10, 9, 0}, {3, 0, 0}} {
		got, err := protocol.Progress{Done: c.done, Total: c.total}.Bounded()
		if err != nil || got.Done != c.done || got.Total != c.want {
			t.Errorf("%d of %d: %+v, %v", c.done, c.total, got, err)
		}
	}
}

func TestBrief(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"as it is":                "as it is",
		"a\xff\xfeb":              "a\ufffdb",
		strings.Repeat("e", 1000): strings.Repeat("e", 1000),
		"begins " + strings.Repeat("é", 1000) + " ends": "",
	} {
		got := protocol.Brief(text)
		if want != "" && got != want || len(got) > protocol.MaxError || !utf8.ValidString(got) {
			t.Errorf("%.20q: %d bytes, %.40q", text, len(got), got)
		}
		if want == "" && text != "" && (!strings.HasPrefix(got, "begins ") || !strings.HasSuffix(got, " ends") || !strings.Contains(got, " … ")) {
			t.Errorf("cut to %q", got)
		}
	}
}
