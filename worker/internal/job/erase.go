package job

import (
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// fromTenant are the attributes that came from a tenant, or from work on a tenant's data.
var fromTenant = []string{
	contract.AttrTenant, contract.AttrPayload, contract.AttrPayloadRef, contract.AttrCursor, contract.AttrCursorRef, contract.AttrCursorVersion,
	contract.AttrCrashPosition, contract.AttrDone, contract.AttrTotal, contract.AttrUnit, contract.AttrPace, contract.AttrPaceError, contract.AttrLastError,
}

// GiveUp makes DEAD job j CANCELLED: nobody can redrive it while its data is erased.
func GiveUp(j Job, now time.Time) Write {
	w := Write{Op: "give up", Key: j.Key.String(), If: j.asSeen(), Set: Item{contract.AttrEpoch: j.Epoch + 1}}
	end(&w, j.Key, Cancelled, "", now)
	return w
}

// Erase removes from the item of job j, which is DONE or CANCELLED, what came from its tenant. Its id stays until the item
// expires: a late duplicate of its message would run the job again.
func Erase(j Job, now time.Time) Write {
	return Write{
		Op: "erase", Key: j.Key.String(), If: j.asSeen(),
		Set: Item{contract.AttrUpdatedAt: millis(now)}, Remove: fromTenant,
	}
}
