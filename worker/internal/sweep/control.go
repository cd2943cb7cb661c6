package sweep

import (
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// PauseType keeps the workers of a content type from claiming jobs, from their next look at the control item
// on. Running jobs go on to their end. The write is refused if somebody paused or resumed the type since
// control, its control item, was read (nil: there was none).
func PauseType(contentType string, control job.Item) job.Write {
	w := job.Write{Op: "pause type", Key: ControlKey(contentType), Set: job.Item{contract.AttrPaused: true}}
	w.Steer(steered(control))
	return w
}

// ResumeType undoes [PauseType], under the same condition. It is also worth writing for a type that is not
// paused: a pause that is still on its way is refused after it.
func ResumeType(contentType string, control job.Item) job.Write {
	w := job.Write{Op: "resume type", Key: ControlKey(contentType), Remove: []string{contract.AttrPaused}}
	w.Steer(steered(control))
	return w
}

// ControlKey is the key of a content type's control item.
func ControlKey(contentType string) string { return "control#" + contentType }

// Paused reads from a control item whether its content type is paused.
func Paused(control job.Item) bool {
	paused, _ := control[contract.AttrPaused].(bool)
	return paused
}

// steered reads from a control item how often its content type was paused or resumed.
func steered(control job.Item) int64 {
	n, _ := control[contract.AttrSteered].(int64)
	return n
}
