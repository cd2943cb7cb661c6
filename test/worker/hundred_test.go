package worker

import (
	"fmt"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
)

// BenchmarkDrainOfAHundredJobs drains one instance with a hundred jobs in a hundred slots, each a process
// with a program of its own: from the signal to the last bell, and to the end of the worker.
func BenchmarkDrainOfAHundredJobs(b *testing.B) {
	const jobs = 100
	for n := range b.N {
		tr, _ := newExecTier(b, fmt.Sprint("hundred-", n), waiting)
		tr.settings.Processes, tr.settings.Lease, tr.settings.Heartbeat, tr.settings.Sweep = jobs, time.Minute, 20*time.Second, 30*time.Second
		instance := tr.inGroup()
		tr.send(jobs)
		await(b, "all jobs have a cursor", func() bool {
			return tr.listed(func(j job) bool { return j.State == "RUNNING" && j.Done > 0 }) == jobs
		})
		begin := time.Now()
		instance.signal(b)
		instance.ends(b, 0)
		b.ReportMetric(time.Since(begin).Seconds(), "s/drain")
		if n := tr.listed(func(j job) bool {
			return j.State == "READY" && j.Drains == 1 && j.Failures == 0 && j.Crashes == 0 && j.Done == 7
		}); n != jobs {
			b.Errorf("%d of %d jobs were handed back at their cursor", n, jobs)
		}
		var bell time.Duration
		counts := map[string]int{}
		for _, r := range instance.aws.Requests(func(r awsproxy.Request) bool { return r.Status == 200 && r.At.After(begin) }) {
			counts[r.Operation]++
			if r.Operation == "SendMessage" {
				bell = max(bell, r.At.Add(r.Took).Sub(begin))
			}
		}
		b.ReportMetric(bell.Seconds(), "s/last-bell")
		b.ReportMetric(float64(counts["UpdateItem"]), "updates")
		b.ReportMetric(float64(counts["SendMessage"]), "bells")
		if counts["SendMessage"] != jobs {
			b.Errorf("%d bells for %d jobs; requests %v", counts["SendMessage"], jobs, counts)
		}
	}
}
