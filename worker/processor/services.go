package processor

// Services are what the methods of a [Job] reach outside of the process. The worker sets them. Package processortest has
// those of a test. What is left out answers with an error.
type Services struct {
	Artifacts Artifacts
}

// Artifacts are the objects that the job puts out and reads.
func (j *Job) Artifacts() Artifacts {
	if j.Services.Artifacts == nil {
		return noArtifacts{}
	}
	return j.Services.Artifacts
}
