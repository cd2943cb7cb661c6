package sweep

import (
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// PauseType keeps the workers of a content type from claiming jobs, from their next look at the control item
// on; ResumeType lets them again. What runs goes on to its end.
func PauseType(contentType string) job.Write {
	return job.Write{Op: "pause type", Key: ControlKey(contentType), Set: job.Item{contract.AttrPaused: true}}
}

// ResumeType undoes [PauseType].
func ResumeType(contentType string) job.Write {
	return job.Write{Op: "resume type", Key: ControlKey(contentType), Remove: []string{contract.AttrPaused}}
}

// ControlKey is the key of a content type's control item.
func ControlKey(contentType string) string { return "control#" + contentType }

// Paused reads from a control item whether its content type is paused.
func Paused(control job.Item) bool {
	paused, _ := control[contract.AttrPaused].(bool)
	return paused
}
