package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// extra is the content type that comes and goes.
const extra = "  extra: {processor: chain, capacity: {min: 1, max: 2}}\n"

// extraWorks has the added type run a job.
func extraWorks(ctx context.Context, l *live, _, _ look) (string, error) {
	const contentType = "extra"
	var err error
	if l.load.queues[contentType], err = localtier.Parameter(ctx, l.AWS, contract.QueueURLParameter(tierName, environment, contentType)); err != nil {
		return "", err
	}
	j := &job{kind: kind{contentType: contentType, links: 5, pause: 20 * time.Millisecond}, id: "job-0"}
	if err := l.load.send(ctx, j); err != nil {
		return "", err
	}
	err = localtier.Await(ctx, "the job of the added type", instanceTime, func(ctx context.Context) (bool, error) {
		r, err := l.deployed.Job(ctx, contentType, j.id)
		return r.State == "DONE", err
	})
	return "it did a job", err
}

// retire takes the added type out of service with this project's own command, then out of the configuration. No stack may be left
// that differs from it.
func retire(ctx context.Context, l *live) error {
	cmd := exec.CommandContext(ctx, l.program("tier"), "retire", "extra", "--yes", "--abandon", "--config", l.project.file("worker-tier.yaml"), "--environment", environment)
	cmd.Env = append(localtier.WithoutAWS(os.Environ()), l.Server.Environ()...)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("tier retire: %w\n%s", err, said)
	}
	if err := l.project.edit(extra, ""); err != nil {
		return err
	}
	differ, same, err := l.cdk.Diff(ctx)
	if err == nil && (len(differ) > 0 || len(same) != len(all)) {
		err = fmt.Errorf("after the retirement %v differ and %v are as deployed", differ, same)
	}
	return err
}
