package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// deployedStacks are the names of the tier's stacks.
func (d *demo) deployedStacks(ctx context.Context) ([]string, error) {
	found, err := cloudformation.NewFromConfig(d.AWS).DescribeStacks(ctx, nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range found.Stacks {
		if name := aws.ToString(s.StackName); strings.HasPrefix(name, contract.MetricEnvironment(d.config.tier.Name, environment)+"-") {
			names = append(names, name)
		}
	}
	return names, nil
}

// worker runs a command of the worker binary, as an operator does.
func (d *demo) worker(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, d.hostWorker(), args...)
	cmd.Env = append(localtier.WithoutAWS(os.Environ()), d.operatorEnviron()...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("worker %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(out.String()+said.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

func (d *demo) operatorEnviron() []string {
	return append(d.Server.Environ(), contract.EnvTier+"="+d.config.tier.Name, contract.EnvEnvironment+"="+environment)
}

// submit submits a job with worker submit.
func (d *demo) submit(ctx context.Context, contentType, id string, payload any) error {
	text, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	_, err = d.worker(ctx, "submit", "--type", contentType, "--id", id, "--payload", string(text))
	return err
}

// jobTime bounds how long a job of the demo may take; they take seconds, and wait for an instance to boot.
const jobTime = 2*time.Minute + instanceTime

// awaitJob waits until a job is as wanted, and returns it then. A job that ends otherwise is an error.
func (d *demo) awaitJob(ctx context.Context, contentType, id, what string, wanted func(localtier.Record) bool) (localtier.Record, error) {
	return d.tier.AwaitJob(ctx, contentType, id, what, jobTime, wanted)
}

func (d *demo) awaitDone(ctx context.Context, contentType, id string) (localtier.Record, error) {
	return d.awaitJob(ctx, contentType, id, "DONE", localtier.IsDone)
}

// holder is the running instance that holds a job; nil: none does.
func (d *demo) holder(r localtier.Record) *localec2.Instance {
	id, _, _ := strings.Cut(r.Owner, "/")
	for _, i := range d.Launcher.Instances() {
		if i.ID == id {
			return i
		}
	}
	return nil
}

// instanceTime bounds how long a group may take to have its instances running: processes are at once, several machines
// on two cores in a minute, on a loaded machine in ten.
const instanceTime = 15 * time.Minute

// running waits for n instances of a content type whose workers have started, oldest first.
func (d *demo) running(ctx context.Context, contentType string, n int) ([]*localec2.Instance, error) {
	var instances []*localec2.Instance
	what := fmt.Sprintf("%d running instances of %s (see launcher.log and each instance's %s)", n, contentType, localec2.LogFile)
	err := localtier.Await(ctx, what, instanceTime, func(context.Context) (bool, error) {
		instances = localec2.Of(contentType, d.Launcher.Instances())
		for _, i := range instances {
			log, err := os.ReadFile(filepath.Join(i.Dir, localec2.LogFile))
			if err != nil || !bytes.Contains(log, []byte(`"worker started"`)) {
				return false, nil
			}
		}
		return len(instances) == n, nil
	})
	return instances, err
}

// setDesired sets the desired capacity of a content type's group.
func (d *demo) setDesired(ctx context.Context, contentType string, n int32) error {
	all := localec2.Of(contentType, d.Launcher.All())
	if len(all) == 0 {
		return fmt.Errorf("no instance of %s was ever started", contentType)
	}
	_, err := d.tier.Groups.SetDesiredCapacity(ctx, &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: &all[0].Group, DesiredCapacity: &n})
	return err
}
