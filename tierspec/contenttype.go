package tierspec

import (
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// NewContentType is a content type with its name, its processor and the defaults of worker-tier.yaml, for constructs that
// are used without a file. Change what differs, and Architecture together with InstanceTypes.
//
// The defaults also stand in the tags of stacks/config, as the file's schema shows them. A test of that package compares
// the two.
func NewContentType(name, processor string) ContentType {
	return ContentType{
		Name:                 name,
		Processor:            processor,
		Role:                 contract.RoleName(name),
		InstanceTypes:        []string{"m7g.large"},
		Architecture:         ARM64,
		ProcessesPerInstance: 2,
		RootVolumeGiB:        30,
		MinCapacity:          1,
		MaxCapacity:          20,
		ScaleOut:             ScaleOut{TargetLatency: 10 * time.Minute, MeanJobTime: UnknownJobTime},
		ScaleIn:              ScaleIn{CPUBelow: 70, For: 10 * time.Minute, RemovePercent: 10},
		Job: contract.Timing{
			Lease:       time.Minute,
			Heartbeat:   20 * time.Second,
			Sweep:       30 * time.Second,
			Checkpoint:  10 * time.Second,
			DrainBudget: time.Minute,
			Stall:       time.Hour,
		},
		Retry: contract.DefaultRetry(),
		Boot:  Boot{Timeout: 10 * time.Minute, KeepFailed: 15 * time.Minute},
	}
}
