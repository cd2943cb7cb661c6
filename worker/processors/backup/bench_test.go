package backup

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/snapshot"
)

// BenchmarkBackup backs up the Go toolchain's own sources to the local AWS, then once more:
//
//	go test -run '^$' -bench Backup -benchtime 1x ./worker/processors/backup
func BenchmarkBackup(b *testing.B) {
	client := newBucket(b, "bench")
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		b.Fatal(err)
	}
	job := newJob(b, "bench", directorySource(filepath.Join(strings.TrimSpace(string(root)), "src")))
	for n := 0; b.Loop(); n++ {
		for _, round := range []string{"first", "again"} {
			job.ID = fmt.Sprintf("%s-%d", round, n)
			began := time.Now()
			last, longest := runJob(b, job)
			seconds := time.Since(began).Seconds()
			b.Logf("%s: %d entries, %.1f MB of contents, %.1f MB of packs sent, %.1f MB there already, %d segments, longest cursor %d bytes, %.2f s (%.0f MB/s)",
				round, last.Counts.Entries, mb(last.Counts.Bytes), mb(last.Counts.Uploaded),
				mb(last.Counts.Reused), last.Segments, longest, seconds, mb(last.Counts.Bytes)/seconds)
		}
	}
	keys, err := snapshot.NewBucket(client, "bench").List(b.Context(), "")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(keys)), "objects")
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }
