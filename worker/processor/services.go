package processor

import "log/slog"

// Services are what the methods of a [Job] reach outside of the process. The worker sets them. Package processortest has
// those of a test. What is left out answers with an error.
type Services struct {
	Artifacts Artifacts
	Secrets   Secrets
	Log       *slog.Logger // nil: what is logged is dropped
}

// Artifacts are the objects that the job puts out and reads.
func (j *Job) Artifacts() Artifacts {
	if j.Services.Artifacts == nil {
		return noArtifacts{}
	}
	return j.Services.Artifacts
}
