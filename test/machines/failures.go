package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// failure is a boot that fails.
type failure struct {
	name     string
	fault    fault                                                           // nil: none
	during   func(ctx context.Context, t *trial, i *localec2.Instance) error // nil: nothing
	reason   string                                                          // pattern of the reason on the console
	silent   bool                                                            // AWS cannot be told: the launch hook times out
	recovers bool                                                            // it does not fail after all
}

// The content types whose machines they are tried on: the latter's launch hook times out soon.
const (
	faultyType = "faulty"
	silentType = "silent"
)

// silentTime is after how many seconds that is: the boot has failed by then, after five tries of a download.
const silentTime = 140

func (f failure) contentType() string {
	if f.silent {
		return silentType
	}
	return faultyType
}

var failures = []failure{
	{name: "no network", fault: noNetwork, silent: true, reason: `^could not fetch s3://\S+ \(exit-code\): Could not connect to the endpoint URL: "http://127.0.0.1:4566/`},
	{name: "bundle with another digest", fault: behind(nil, spoiled), reason: `^could not fetch s3://\S+ \(exit-code\): .*checksum did NOT match`},
	{name: "S3 answers 403", fault: behind(forbidden, nil), reason: `^could not fetch s3://\S+ \(exit-code\): An error occurred \(AccessDenied\) .*: Access Denied`},
	{name: "recipe fails", fault: failingRecipe, reason: `^could not configure the role worker-faulty \(exit-code\): Errno::EROFS: .*/etc/worker-tier/worker.env`},
	{name: "worker's check fails", fault: behind(withoutQueue, nil), reason: `^could not pass the worker's check \(exit-code\): .*sqs:getqueueattributes`},
	{name: "disk is full", fault: fullDisk, reason: `^could not unpack the bundle \(exit-code\): .*No space left on device .* 24M .* 100% /`},
	{name: "attribute out of range", fault: userData(`"WORKER_PROCESSES":"2"`, `"WORKER_PROCESSES":"0"`), reason: `^could not configure the role worker-faulty \(exit-code\): .*\['WORKER_PROCESSES'\] is "0": it must be a whole number from 1 to 1000`},
	{name: "document of another schema", fault: userData(`"schema":1`, `"schema":9`), reason: `^could not pass the worker's check \(exit-code\): .*the first-boot document has schema 9 and this worker reads 1: stack and bundle are of different releases`},
	{name: "reboot in the middle", during: reboot, recovers: true},
	{name: "clock off by an hour", fault: behind(skewed, nil), silent: true, reason: `^could not fetch s3://\S+ \(exit-code\): An error occurred \(RequestTimeTooSkewed\) .*: The difference between the request time and the current time is too large`},
}

// reboot reboots a machine while Chef runs.
func reboot(ctx context.Context, _ *trial, i *localec2.Instance) error {
	err := localtier.Await(ctx, "Chef to run on "+i.ID, bootTime, func(context.Context) (bool, error) {
		return strings.Contains(console(i), "configure the role"), nil
	})
	if err != nil {
		return err
	}
	_, err = inside(ctx, i, "systemctl", "reboot")
	return err
}

// bootTime bounds how long a boot may take to come to something.
const bootTime = 15 * time.Minute

// outcome is what was seen of a failed boot.
type outcome struct {
	reason, signal string
	after          time.Duration
}

// failures tries each failure on a machine of its own, all at once.
func (t *trial) failures(ctx context.Context) error {
	t.say("boots that fail: none counts, each is given up and replaced")
	if err := t.shortenHook(ctx); err != nil {
		return err
	}
	machines := map[string]int32{}
	for _, f := range failures {
		machines[f.contentType()]++
	}
	for contentType, n := range machines {
		if err := t.setDesired(ctx, contentType, n); err != nil {
			return err
		}
	}
	outcomes := make([]outcome, len(failures))
	var all sync.WaitGroup
	for n, f := range failures {
		all.Go(func() {
			var err error
			if outcomes[n], err = t.failOne(ctx, n); err != nil {
				t.fail("%s: %v", f.name, err)
			}
		})
	}
	all.Wait()
	t.say("%-27s %8s %-42s %s", "failure", "after", "signal", "reason on the console")
	for n, o := range outcomes {
		t.say("%-27s %6.1f s %-42s %.300s", failures[n].name, o.after.Seconds(), o.signal, o.reason)
	}
	return t.awaitReplaced(ctx)
}

// nextFault is that of the first failure that has no machine yet. A machine that replaces one of these is seen to be booted, and has nothing to do.
func (t *trial) nextFault(b localec2.Boot) fault {
	contentType := b.Document.WorkerTier.Environment[contract.EnvContentType]
	if contentType != faultyType && contentType != silentType {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for n, f := range failures {
		if f.contentType() == contentType && t.failing[n] == "" {
			t.failing[n] = b.ID
			return f.fault
		}
	}
	t.replaced++
	return noUserData
}

// awaitReplaced waits until there has been a machine for each that was given up.
func (t *trial) awaitReplaced(ctx context.Context) error {
	want := 0
	for _, f := range failures {
		if !f.recovers {
			want++
		}
	}
	return localtier.Await(ctx, fmt.Sprintf("%d machines that replace those that failed", want), bootTime, func(context.Context) (bool, error) {
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.replaced >= want, nil
	})
}

// failOne follows the machine with a fault until it is given up.
func (t *trial) failOne(ctx context.Context, n int) (outcome, error) {
	f := failures[n]
	i, err := t.faultyMachine(ctx, n)
	if err != nil {
		return outcome{}, err
	}
	if f.during != nil {
		if err := f.during(ctx, t, i); err != nil {
			return outcome{}, err
		}
	}
	what := "to be given up"
	if f.recovers {
		what = "to be in service"
	}
	err = localtier.Await(ctx, "machine "+i.ID+" "+what, fleetTime, func(context.Context) (bool, error) {
		in, gone := t.Launcher.InService(i), i.Ended()
		switch {
		case in && !f.recovers:
			return false, fmt.Errorf("machine %s counts as capacity", i.ID)
		case gone && f.recovers:
			return false, fmt.Errorf("machine %s ended: %s", i.ID, failedLine(i))
		}
		return in || gone, nil
	})
	o := outcome{failedLine(i), signalOf(i), time.Since(i.Started)}
	if f.recovers {
		o.signal = "in service: the boot went on"
		f.reason = "^none$"
	}
	if err != nil {
		return o, err
	}
	if !regexp.MustCompile(f.reason).MatchString(o.reason) {
		return o, fmt.Errorf("the console of %s gives the reason %q, want %q", i.ID, o.reason, f.reason)
	}
	if !f.recovers && !f.silent && o.signal != told {
		return o, fmt.Errorf("machine %s was %s, want %s", i.ID, o.signal, told)
	}
	return o, nil
}

// faultyMachine waits for the machine that has a failure's fault.
func (t *trial) faultyMachine(ctx context.Context, n int) (*localec2.Instance, error) {
	var found *localec2.Instance
	err := localtier.Await(ctx, "a machine for "+failures[n].name, bootTime, func(context.Context) (bool, error) {
		t.mu.Lock()
		id := t.failing[n]
		t.mu.Unlock()
		for _, i := range t.Launcher.All() {
			if i.ID == id {
				found = i
			}
		}
		return found != nil, nil
	})
	return found, err
}

// shortenHook lets the launch hook of the machines that can tell nobody time out soon.
func (t *trial) shortenHook(ctx context.Context) error {
	group := t.groups[silentType]
	hooks, err := t.tier.Groups.DescribeLifecycleHooks(ctx, &autoscaling.DescribeLifecycleHooksInput{AutoScalingGroupName: &group})
	if err != nil {
		return err
	}
	for _, h := range hooks.LifecycleHooks {
		if strings.HasSuffix(*h.LifecycleTransition, "LAUNCHING") {
			_, err = t.tier.Groups.PutLifecycleHook(ctx, &autoscaling.PutLifecycleHookInput{
				AutoScalingGroupName: &group, LifecycleHookName: h.LifecycleHookName, LifecycleTransition: h.LifecycleTransition,
				DefaultResult: h.DefaultResult, HeartbeatTimeout: new(int32(silentTime)),
			})
			return err
		}
	}
	return fmt.Errorf("group %s has no launch hook", group)
}

func console(i *localec2.Instance) string {
	text, _ := os.ReadFile(filepath.Join(i.Dir, localec2.LogFile)) // without it: nothing was said
	return string(text)
}

// failedLine is the first reason that the console gives.
func failedLine(i *localec2.Instance) string {
	_, rest, found := strings.Cut(console(i), "FAILED: ")
	if !found {
		return "none"
	}
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

// told is the signal of a machine that can reach AWS.
const told = "counted, launch hook abandoned"

// signalOf says what AWS was told about a boot.
func signalOf(i *localec2.Instance) string {
	var signals []string
	if len(i.AWS.Requests(func(r awsproxy.Request) bool {
		return r.Operation == "PutMetricData" && r.Status == 200 && bytes.Contains(r.Body, []byte(contract.MetricBootFailures))
	})) > 0 {
		signals = append(signals, "counted")
	}
	abandoned := i.AWS.Requests(func(r awsproxy.Request) bool {
		return r.Operation == "CompleteLifecycleAction" && r.Status == 200 && bytes.Contains(r.Body, []byte("ABANDON"))
	})
	if len(abandoned) > 0 {
		return strings.Join(append(signals, "launch hook abandoned"), ", ")
	}
	return strings.Join(append(signals, "launch hook timed out"), ", ")
}
