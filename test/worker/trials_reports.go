package worker

import (
	"fmt"
	"strings"
	"testing"
)

// programReport is what a program reports, as a line of shell that writes to its standard output, and what becomes of it.
type programReport struct {
	name, script string
	refused      string // part of the reason; "": it is read as it is meant
	want         func(job) bool
}

func ended(n, total int64) func(job) bool {
	return func(j job) bool { return j.State == "DONE" && j.Done == n && j.Total == total }
}

// last is a report that is in order.
const last = `; echo '{"done":1,"total":1}'`

var reports = []programReport{
	{"a unit of 300 KB", `printf '{"done":7,"unit":"'; head -c 300000 /dev/zero | tr '\0' x; echo '"}'` + last, "unit: ", ended(1, 1)},
	{"a unit of 900 KB", `printf '{"done":7,"unit":"'; head -c 900000 /dev/zero | tr '\0' x; echo '"}'` + last, "unit: ", ended(1, 1)},
	{"a negative count", `echo '{"done":-7}'` + last, "done: ", ended(1, 1)},
	{"half a step", `echo '{"done":1.5}'` + last, "done: ", ended(1, 1)},
	{"more done than the total", `echo '{"done":5,"total":3}'`, "", ended(5, 0)},
	{"a blank line", `printf '\n{"done":2,"total":2}\n'`, "", ended(2, 2)},
	{"a byte order mark", `printf '\357\273\277{"done":2,"total":2}\n'`, "", ended(2, 2)},
	{"no line break after the last line", `printf '{"done":2,"total":2}'`, "", ended(2, 2)},
	{"a time without a zone", `echo '{"retryAt":"` + waitingDay + `T12:34:56"}'; exit 75`, "", func(j job) bool {
		return j.State == "READY" && strings.HasPrefix(j.NotBefore, waitingDay+"T12:34:56")
	}},
}

func (r programReport) try(t testing.TB) string {
	tr, _ := newExecTier(t, "trial-report-"+strings.ReplaceAll(strings.ToLower(r.name), " ", "-"), `exec >&"$WORKER_REPORT_FD"; `+r.script)
	tr.settings.Processes = 1
	i := tr.start()
	tr.submit("job", "{}")
	var j job
	await(t, "the attempt has ended", func() bool { j = tr.show("job"); return j.State != "RUNNING" && j.Epoch > 0 })
	if !r.want(j) || j.Failures != 0 {
		t.Errorf("the job is %+v", j)
	}
	if was := i.wrote("report refused, the job goes on", r.refused); was != (r.refused != "") {
		t.Errorf("a report was refused: %t", was)
	}
	became := "read as it is meant"
	if r.refused != "" {
		became = "refused with its reason, the job goes on"
	}
	return fmt.Sprintf("%s: %s, done=%d total=%d failures=%d", became, j.State, j.Done, j.Total, j.Failures)
}
