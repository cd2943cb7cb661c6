package localec2

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/test/localec2/fakeimds"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// shutdownTime is how long a machine that shuts down waits for the worker, as systemd does before it
// kills a service (DefaultTimeoutStopSec).
const shutdownTime = 90 * time.Second

// Instance is a local EC2 instance.
type Instance struct {
	ID          string
	Group       string // name of its Auto Scaling group
	ContentType string
	Zone        string
	Document    contract.FirstBoot // of the deployed user-data
	Dir         string             // its logs, LogFile and RequestsFile, and on a machine of processes its bundle
	Started     time.Time          // just before its machine was
	Machine     Machine
	Metadata    *fakeimds.Server
	AWS         *awsproxy.Proxy
	Version     string // of the launch template

	requests *os.File
	leaving  bool // it no longer counts as capacity; guarded by the launcher's mu
	serving  bool // its launch is completed; guarded by the launcher's mu
}

// RequestsFile lists what an instance asked of AWS, inside the instance's folder.
const RequestsFile = "aws-requests.jsonl"

// Ended says whether the instance's machine has ended.
func (i *Instance) Ended() bool {
	select {
	case <-i.Machine.Done():
		return true
	default:
		return false
	}
}

// AwaitEnd waits for the end of the instance's machine. The time limit is for when something is broken.
func (i *Instance) AwaitEnd(ctx context.Context, limit time.Duration) error {
	select {
	case <-i.Machine.Done():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(limit):
		return fmt.Errorf("instance %s did not end within %s", i.ID, limit)
	}
}

// boot starts an instance of g in a zone.
func (l *Launcher) boot(ctx context.Context, g group, t template, zone string) (i *Instance, err error) {
	id := newID()
	i = &Instance{
		ID: id, Group: g.name, Zone: zone, Version: *g.template.Version, Document: t.boot,
		ContentType: t.boot.WorkerTier.Environment[contract.EnvContentType],
	}
	i.Dir = filepath.Join(l.options.Dir, i.ContentType+"-"+id)
	if err := os.MkdirAll(i.Dir, 0o755); err != nil {
		return nil, err
	}
	if i.requests, err = os.Create(filepath.Join(i.Dir, RequestsFile)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			i.release()
		}
	}()
	if i.AWS, err = awsproxy.Start(l.options.Endpoint, i.requests, l.options.Network); err != nil {
		return i, err
	}
	if i.Metadata, err = fakeimds.Start(l.identity(i, t)); err != nil {
		return i, err
	}
	if err := l.tag(ctx, i); err != nil {
		return i, err
	}
	i.Started = time.Now()
	i.Machine, err = l.options.Start(Boot{
		ID: id, Dir: i.Dir, Profile: t.role, Document: t.boot, Metadata: i.Metadata.URL, Endpoint: i.AWS.URL,
		Install: func() error { return l.install(ctx, i.Dir, t.boot.WorkerTier) },
		Failed:  func() { l.countFailure(ctx, i, t.userData) },
	})
	return i, err
}

// tag gives an instance the tag by which AWS knows its group.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html
func (l *Launcher) tag(ctx context.Context, i *Instance) error {
	_, err := l.ec2.CreateTags(ctx, &ec2.CreateTagsInput{
		Resources: []string{i.ID}, Tags: []types.Tag{{Key: new("aws:autoscaling:groupName"), Value: &i.Group}},
	})
	if err != nil {
		return fmt.Errorf("tag instance %s: %w", i.ID, err)
	}
	return nil
}

func (l *Launcher) identity(i *Instance, t template) fakeimds.Identity {
	key := l.options.Credentials(t.role)
	return fakeimds.Identity{
		InstanceID: i.ID, Zone: i.Zone, Region: l.options.Region, Account: l.options.Account,
		InstanceType: t.instanceType, ImageID: t.image, Group: i.Group, Role: t.role, UserData: t.userData,
		AccessKey: key.AccessKeyID, SecretKey: key.SecretAccessKey, Token: key.SessionToken,
	}
}

// install lays out what the script in user-data lays out under /opt/worker-tier.
func (l *Launcher) install(ctx context.Context, dir string, a contract.Attributes) error {
	if err := l.fetch(ctx, a.Bundle, dir); err != nil {
		return err
	}
	if a.Files == nil {
		return nil
	}
	return l.fetch(ctx, *a.Files, filepath.Join(dir, "files"))
}

// The lines of user-data that count a failed boot, and the dimension that they add for a second count.
var (
	failureMetric    = regexp.MustCompile(`aws cloudwatch put-metric-data --namespace '?([^' ]+)'? --metric-name (\S+) --value 1 --dimensions '([^']+)'`)
	failureDimension = regexp.MustCompile(`(?m)for of in '' (,\S+); do$`)
)

// countFailure sends the metrics of a failed boot that the deployed user-data sends.
func (l *Launcher) countFailure(ctx context.Context, i *Instance, userData string) {
	log := l.options.Log.With("instance", i.ID)
	log.WarnContext(ctx, "boot failed: the worker did not pass its check")
	line := failureMetric.FindStringSubmatch(userData)
	if line == nil {
		return // user-data of a test
	}
	counts := []string{line[3]}
	if further := failureDimension.FindStringSubmatch(userData); further != nil {
		counts = append(counts, line[3]+further[1])
	}
	var data []cloudwatchtypes.MetricDatum
	for _, dimensions := range counts {
		datum := cloudwatchtypes.MetricDatum{MetricName: &line[2], Value: new(1.0)}
		for pair := range strings.SplitSeq(dimensions, ",") {
			name, value, _ := strings.Cut(pair, "=")
			datum.Dimensions = append(datum.Dimensions, cloudwatchtypes.Dimension{Name: &name, Value: &value})
		}
		data = append(data, datum)
	}
	_, err := l.cloudwatch.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: &line[1], MetricData: data})
	if err != nil && ctx.Err() == nil {
		log.ErrorContext(ctx, "boot failure not counted", "error", err.Error())
	}
}

// release closes what an instance has open.
func (i *Instance) release() {
	if i.Metadata != nil {
		i.Metadata.Close()
	}
	if i.AWS != nil {
		i.AWS.Close()
	}
	_ = i.requests.Close()
}
