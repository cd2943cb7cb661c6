package job

import (
	"fmt"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

const (
	// ringFirst is the time after which a READY job that nobody claimed is announced again; it doubles
	// with each ring up to ringMost.
	ringFirst = 5 * time.Minute
	ringMost  = 12 * time.Hour
)

// parked is the ring time of a paused job: never.
var parked = time.UnixMilli(9_999_999_999_999)

// RingDelay is the time between a job's ring number rings and the next.
func RingDelay(rings int64) time.Duration {
	if rings >= 8 {
		return ringMost
	}
	return min(ringFirst<<rings, ringMost)
}

// LastBell is when the bell that a READY job waits for was sent.
func (j Job) LastBell() time.Time { return j.RingAt.Add(-RingDelay(j.Rings)) }

func setRing(set Item, at time.Time) {
	set[contract.AttrRingAt] = millis(at)
	set[contract.AttrDueSort] = DueReady(at)
}

// Sort keys of the due index: RUNNING jobs, and READY ones by the time of their next ring.
const (
	DueRunning     = contract.DueRunning
	DueReadyFirst  = contract.DueReady
	DueDeadFirst   = contract.DueDead
	DueDeadLast    = contract.DueDead + "~"
	DueReadyLatest = contract.DueReady + "~"
	DueFirst       = "!" // before all of them: DynamoDB refuses an empty key
	DueLast        = "~" // after all of them
)

// DueReady is the sort key of a READY job that rings at time at.
func DueReady(at time.Time) string { return fmt.Sprintf("%s%013d", contract.DueReady, millis(at)) }
