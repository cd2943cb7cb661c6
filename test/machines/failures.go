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
	name        string
	contentType string // whose machine it is tried on; those of one type go one after the other
	fault       fault
	during      func(ctx context.Context, t *trial, i *localec2.Instance) error // nil: nothing
	reason      string                                                          // pattern of the reason on the console
	silent      int32                                                           // where AWS cannot be told: the seconds after which the launch hook times out, five minutes would be too long here
	recovers    bool                                                            // it does not fail after all
}

var failures = []failure{
	{name: "no network", contentType: "docs", fault: noNetwork, silent: 170, reason: `^could not fetch s3://\S+ \(exit-code\): Could not connect to the endpoint URL: "http://127.0.0.1:4566/`},
	{name: "bundle with another digest", contentType: "calendars", fault: behind(nil, spoiled), reason: `^could not fetch s3://\S+ \(exit-code\): .*checksum did NOT match`},
	{name: "S3 answers 403", contentType: "sites", fault: behind(forbidden, nil), reason: `^could not fetch s3://\S+ \(exit-code\): An error occurred \(AccessDenied\) .*: Access Denied`},
	{name: "recipe fails", contentType: "mail", fault: failingRecipe, reason: `^could not configure the role worker-mail \(exit-code\): Errno::EROFS: .*/etc/worker-tier/worker.env`},
	{name: "worker's check fails", contentType: "backup", fault: behind(withoutQueue, nil), reason: `^could not pass the worker's check \(exit-code\): .*sqs:getqueueattributes`},
	{name: "disk is full", contentType: "restore", fault: fullDisk, reason: `^could not unpack the bundle \(exit-code\): .*No space left on device .* 24M .* 100% /`},
	{name: "reboot in the middle", contentType: "export", during: reboot, recovers: true},
	{name: "clock off by an hour", contentType: "export", fault: behind(skewed, nil), silent: 90, reason: `^could not fetch s3://\S+ \(exit-code\): An error occurred \(RequestTimeTooSkewed\) .*: The difference between the request time and the current time is too large`},
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
const bootTime = 2 * time.Minute

// outcome is what was seen of a failed boot.
type outcome struct {
	reason, signal string
	after          time.Duration
}

// failures ends all machines and tries each failure on a machine of its own.
func (t *trial) failures(ctx context.Context) error {
	if err := t.emptyGroups(ctx); err != nil {
		return err
	}
	t.say("boots that fail: none counts, each is given up and replaced")
	outcomes := make([]outcome, len(failures))
	var all sync.WaitGroup
	for _, c := range t.config.ContentTypes {
		all.Go(func() {
			for n, f := range failures {
				if f.contentType != c.Name {
					continue
				}
				var err error
				if outcomes[n], err = t.failOne(ctx, f); err != nil {
					t.fail("%s: %v", f.name, err)
				}
			}
		})
	}
	all.Wait()
	t.say("%-27s %8s %-42s %s", "failure", "after", "signal", "reason on the console")
	for n, o := range outcomes {
		t.say("%-27s %6.1f s %-42s %.140s", failures[n].name, o.after.Seconds(), o.signal, o.reason)
	}
	return t.emptyGroups(ctx)
}

// emptyGroups sets all groups to no machine and waits until there is none.
func (t *trial) emptyGroups(ctx context.Context) error {
	for _, c := range t.config.ContentTypes {
		if err := t.setDesired(ctx, c.Name, 0); err != nil {
			return err
		}
	}
	return localtier.Await(ctx, "all machines to end", endingTime, func(context.Context) (bool, error) {
		return len(t.launcher.Instances()) == 0, nil
	})
}

// failOne boots a machine that must fail, and follows it until it is given up and replaced.
func (t *trial) failOne(ctx context.Context, f failure) (outcome, error) {
	if err := t.shortenHook(ctx, f); err != nil {
		return outcome{}, err
	}
	t.setFault(f.contentType, f.fault)
	defer t.setFault(f.contentType, nil)
	if err := t.setDesired(ctx, f.contentType, 1); err != nil {
		return outcome{}, err
	}
	i, err := t.next(ctx, f.contentType, nil)
	if err != nil {
		return outcome{}, err
	}
	if f.during != nil {
		if err := f.during(ctx, t, i); err != nil {
			return outcome{}, err
		}
	}
	if f.recovers {
		return t.recovered(ctx, f, i)
	}
	err = localtier.Await(ctx, "machine "+i.ID+" to be given up", fleetTime, func(context.Context) (bool, error) {
		if t.launcher.InService(i) {
			return false, fmt.Errorf("machine %s counts as capacity", i.ID)
		}
		return ended(i), nil
	})
	if err != nil {
		return outcome{}, err
	}
	o := outcome{after: time.Since(i.Started)}
	if err := t.discard(ctx, f.contentType, i); err != nil {
		return o, err
	}
	o.reason, o.signal = failedLine(i), signalOf(i)
	if f.reason != "" && !regexp.MustCompile(f.reason).MatchString(o.reason) {
		return o, fmt.Errorf("the console of %s gives the reason %q, want %q", i.ID, o.reason, f.reason)
	}
	if want := told; f.silent == 0 && o.signal != want {
		return o, fmt.Errorf("machine %s was %s, want %s", i.ID, o.signal, want)
	}
	return o, nil
}

// recovered waits for a machine to be in service after all, and ends it.
func (t *trial) recovered(ctx context.Context, f failure, i *localec2.Instance) (outcome, error) {
	err := localtier.Await(ctx, "machine "+i.ID+" to be in service", fleetTime, func(context.Context) (bool, error) {
		return t.launcher.InService(i), nil
	})
	if err != nil {
		return outcome{}, err
	}
	o := outcome{reason: failedLine(i), signal: "in service: the boot went on", after: time.Since(i.Started)}
	if err := t.setDesired(ctx, f.contentType, 0); err != nil {
		return o, err
	}
	return o, localtier.Await(ctx, "machine "+i.ID+" to end", endingTime, func(context.Context) (bool, error) { return ended(i), nil })
}

// discard waits for the machine that replaces one, and ends it.
func (t *trial) discard(ctx context.Context, contentType string, replaced *localec2.Instance) error {
	next, err := t.next(ctx, contentType, replaced)
	if err != nil {
		return err
	}
	if err := t.setDesired(ctx, contentType, 0); err != nil {
		return err
	}
	// It is told to go, but boots: nothing on it listens.
	err = localtier.Await(ctx, "machine "+next.ID+" to be taken away", bootTime, func(context.Context) (bool, error) {
		return next.Metadata.TargetState() == "Terminated" || ended(next), nil
	})
	next.Machine.PowerCut()
	return err
}

// next waits for the machine of a content type that was booted after another, or runs if there is none.
func (t *trial) next(ctx context.Context, contentType string, after *localec2.Instance) (*localec2.Instance, error) {
	var found *localec2.Instance
	err := localtier.Await(ctx, "a machine of "+contentType, bootTime, func(context.Context) (bool, error) {
		for _, i := range t.instances(contentType) {
			if after == nil || i.Started.After(after.Started) && i != after {
				found = i
				return true, nil
			}
		}
		return false, nil
	})
	return found, err
}

func (t *trial) setFault(contentType string, f fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults[contentType] = f
}

// shortenHook lets a content type's launch hook time out soon, where the machine can tell nobody.
func (t *trial) shortenHook(ctx context.Context, f failure) error {
	if f.silent == 0 {
		return nil
	}
	group := t.groups[f.contentType]
	hooks, err := t.tier.Groups.DescribeLifecycleHooks(ctx, &autoscaling.DescribeLifecycleHooksInput{AutoScalingGroupName: &group})
	if err != nil {
		return err
	}
	for _, h := range hooks.LifecycleHooks {
		if strings.HasSuffix(*h.LifecycleTransition, "LAUNCHING") {
			_, err = t.tier.Groups.PutLifecycleHook(ctx, &autoscaling.PutLifecycleHookInput{
				AutoScalingGroupName: &group, LifecycleHookName: h.LifecycleHookName, LifecycleTransition: h.LifecycleTransition,
				DefaultResult: h.DefaultResult, HeartbeatTimeout: &f.silent,
			})
			return err
		}
	}
	return fmt.Errorf("group %s has no launch hook", group)
}

func ended(i *localec2.Instance) bool {
	select {
	case <-i.Machine.Done():
		return true
	default:
		return false
	}
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
