// Package localec2 is the local EC2: it watches the deployed Auto Scaling groups and keeps each at its
// desired capacity with instances that run what the deployed launch template's user-data asks for.
package localec2

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
)

// poll is how often groups and hooks are looked at.
const poll = 100 * time.Millisecond

// Options say what a launcher works with.
type Options struct {
	AWS      aws.Config // the operator's
	Endpoint string     // URL of the local AWS, for the instances' proxies
	Account  string     // twelve digits
	Region   string
	Dir      string // absolute; each instance has a folder in it
	Log      *slog.Logger
	Network  *awsproxy.Network // the instances' way to AWS; nil: undisturbed
	// Credentials are what the metadata services of instances with an instance profile give out. Default: for each
	// instance a key that a local AWS takes without asking.
	Credentials func(profile string) aws.Credentials
	Start       func(Boot) (Machine, error) // the kind of machine; nil: StartProcess
}

// Launcher starts and ends instances.
type Launcher struct {
	options     Options
	autoscaling *autoscaling.Client
	cloudwatch  *cloudwatch.Client
	ec2         *ec2.Client
	s3          *s3.Client

	id      string
	rolls   map[string]*rolling // instance refreshes under way, by group; of the loop alone
	workers sync.WaitGroup      // one goroutine per instance

	mu        sync.Mutex
	instances []*Instance // all since the start, oldest first
	lost      string      // zone without power
	lastError string      // so that an error that stays is logged once
}

// New returns a launcher; [Launcher.Run] makes it work.
func New(o Options) *Launcher {
	if o.Start == nil {
		o.Start = StartProcess
	}
	if o.Credentials == nil {
		o.Credentials = anyKey
	}
	o.AWS.Logger = logging.Nop{} // requests cut short when Run ends are no news
	return &Launcher{
		options:     o,
		id:          newID(),
		autoscaling: autoscaling.NewFromConfig(o.AWS),
		cloudwatch:  cloudwatch.NewFromConfig(o.AWS),
		ec2:         ec2.NewFromConfig(o.AWS),
		s3:          s3.NewFromConfig(o.AWS),
	}
}

func anyKey(string) aws.Credentials {
	return aws.Credentials{AccessKeyID: "ASIALOCAL" + newID()[2:9], SecretAccessKey: "local", SessionToken: "local"}
}

// Run keeps the groups at their desired capacity until ctx ends, then shuts all instances down at once
// and returns when nothing is left of them. What goes wrong meanwhile is logged and tried again.
func (l *Launcher) Run(ctx context.Context) error {
	if err := os.MkdirAll(l.options.Dir, 0o755); err != nil {
		return err
	}
	for ctx.Err() == nil {
		l.note(ctx, l.reconcile(ctx))
		select {
		case <-ctx.Done():
		case <-time.After(poll):
		}
	}
	for _, i := range l.Instances() {
		i.Machine.PowerCut()
	}
	l.workers.Wait()
	// The local AWS may have ended before.
	_ = l.exchange(context.WithoutCancel(ctx), map[string]any{"launcher": l.id, "ends": true}, nil)
	return nil
}

// note logs an error unless it is the one before.
func (l *Launcher) note(ctx context.Context, err error) {
	text := ""
	if err != nil && ctx.Err() == nil {
		text = err.Error()
	}
	l.mu.Lock()
	repeated := l.lastError == text
	l.lastError = text
	l.mu.Unlock()
	if text != "" && !repeated {
		l.options.Log.ErrorContext(ctx, "group not at its desired capacity", "error", text)
	}
}

// reconcile compares the groups with the instances once. The first error ends it.
func (l *Launcher) reconcile(ctx context.Context) error {
	if err := l.refreshes(ctx); err != nil {
		return err
	}
	groups, err := l.groups(ctx)
	if err != nil {
		return err
	}
	wanted, zones := map[string]int{}, map[string][]string{}
	for _, g := range groups {
		wanted[g.name], zones[g.name] = l.wanted(g), g.zones
		for len(l.capacity(g.name)) < l.wanted(g) {
			if err := l.launch(ctx, g); err != nil {
				return err
			}
		}
		if err := l.roll(ctx, g); err != nil {
			return err
		}
	}
	for _, i := range l.leastUseful() {
		surplus := l.rolls[i.Group] == nil && len(l.capacity(i.Group)) > wanted[i.Group]
		// Instances in a zone that was taken from their group are replaced in the others.
		// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-add-availability-zone.html
		outside := len(zones[i.Group]) > 0 && !slices.Contains(zones[i.Group], i.Zone)
		if surplus || outside || i.askedToGo() {
			l.takeAway(ctx, i)
		}
	}
	return nil
}

// leastUseful are the instances, those first that do not serve yet. One that was launched for a refresh is surplus once its boot has
// failed and the refresh is cancelled, and those that serve must not go in its place.
func (l *Launcher) leastUseful() []*Instance {
	instances := l.Instances()
	serve := slices.DeleteFunc(slices.Clone(instances), func(i *Instance) bool { return !l.InService(i) })
	return append(slices.DeleteFunc(instances, func(i *Instance) bool { return slices.Contains(serve, i) }), serve...)
}

// takeAway takes an instance out of its group and ends it, unless that is done already.
func (l *Launcher) takeAway(ctx context.Context, i *Instance) {
	if l.leave(i) {
		l.workers.Go(func() { l.terminate(ctx, i, l.options.Log.With("instance", i.ID)) })
	}
}

func (l *Launcher) launch(ctx context.Context, g group) error {
	t, err := l.templateOf(ctx, g)
	if err != nil {
		return err
	}
	i, err := l.boot(ctx, g, t, l.zone(g))
	if err != nil {
		return err
	}
	log := l.options.Log.With("instance", i.ID, "content_type", i.ContentType)
	log.InfoContext(ctx, "instance started", "zone", i.Zone, "template_version", i.Version, "dir", i.Dir)
	l.mu.Lock()
	l.instances = append(l.instances, i)
	l.mu.Unlock()
	l.workers.Go(func() { l.welcome(ctx, i, log) })
	l.workers.Go(func() {
		<-i.Machine.Done() // a dead instance is unhealthy: the next reconcile replaces it
		l.leave(i)
		i.release()
		log.InfoContext(ctx, "instance ended")
	})
	return nil
}

// zone is the zone of a group that holds the fewest of its instances, and of those the one that holds
// the fewest of all.
func (l *Launcher) zone(g group) string {
	own, all := map[string]int{}, map[string]int{}
	for _, i := range l.Instances() {
		all[i.Zone]++
	}
	for _, i := range l.capacity(g.name) {
		own[i.Zone]++
	}
	l.mu.Lock()
	lost := l.lost
	l.mu.Unlock()
	up := slices.DeleteFunc(slices.Clone(g.zones), func(zone string) bool { return zone == lost })
	return slices.MinFunc(up, func(a, b string) int {
		return cmp.Or(cmp.Compare(own[a], own[b]), cmp.Compare(all[a], all[b]))
	})
}

// LoseZone cuts the power of everything in a zone; what is replaced stands in others, of which each group
// must have one.
func (l *Launcher) LoseZone(zone string) {
	l.mu.Lock()
	l.lost = zone
	l.mu.Unlock()
	for _, i := range l.Instances() {
		if i.Zone == zone {
			i.Machine.PowerCut()
		}
	}
}

// leave takes an instance out of its group's capacity; false: it was out already.
func (l *Launcher) leave(i *Instance) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := i.leaving
	i.leaving = true
	return !was
}

// InService is true for an instance that counts for its group: its launch is completed, and it neither
// leaves nor has ended.
func (l *Launcher) InService(i *Instance) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return i.serving && !i.leaving
}

// capacity are the instances that a group has or is launching.
func (l *Launcher) capacity(groupName string) []*Instance {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []*Instance
	for _, i := range l.instances {
		if i.Group == groupName && !i.leaving {
			out = append(out, i)
		}
	}
	return out
}

// Instances are the instances that have not ended, oldest first.
func (l *Launcher) Instances() []*Instance {
	return slices.DeleteFunc(l.All(), (*Instance).Ended)
}

// Of are those of a content type.
func Of(contentType string, instances []*Instance) []*Instance {
	return slices.DeleteFunc(instances, func(i *Instance) bool { return i.ContentType != contentType })
}

// All are the instances since the start, ended ones too, oldest first.
func (l *Launcher) All() []*Instance {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.instances)
}

// newID is an instance id: "i-" and 17 hexadecimal digits.
func newID() string {
	var random [9]byte
	_, _ = rand.Read(random[:]) // never fails
	return "i-" + hex.EncodeToString(random[:])[:17]
}
