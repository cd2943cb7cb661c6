// Package life runs the whole life of a worker under its deployed role, against a local AWS that enforces IAM,
// and compares what was called with what the role grants.
package life

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go/logging"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/test/stage"
)

// life is one run: the deployed tier, its roles and the instances that work in it. Stage.AWS is of the account's root, who stands
// for operators and producers.
type life struct {
	*stage.Stage
	tier     tier
	deployed *localtier.Tier
	roles    []role
	standIn  *awsproxy.Proxy // for what is called in the place of backup's worker
}

// Options say where a run finds and puts things.
type Options struct {
	Root string // of the project
	Dir  string // everything that the run writes; emptied first
	// Grants are the Sids of all statements that a role may have: each must be in a role of this run, or nobody
	// would notice that what it grants is never used.
	Grants map[string]bool
	Say    func(format string, args ...any) // is told what goes on
}

// Run deploys a tier and runs its workers. The error is for people and names everything that is wrong: a call
// that was denied, a grant that no call needed, a call outside the roles that was allowed.
func Run(ctx context.Context, o Options) error {
	if err := os.RemoveAll(o.Dir); err != nil {
		return err
	}
	t, err := synthesize(ctx, o.Root, o.Dir)
	if err != nil {
		return err
	}
	l := &life{tier: t}
	if l.Stage, err = stage.Start(ctx, o.Dir, localaws.Options{EnforceIAM: true}); err != nil {
		return err
	}
	defer func() { _ = l.Stop() }() // after an error: its own is returned
	if err := t.deploy(ctx, o.Root, l.Server); err != nil {
		return err
	}
	if l.deployed, err = localtier.Find(ctx, l.AWS, t.config.Name, environment); err != nil {
		return err
	}
	if l.roles, err = rolesOf(ctx, l.AWS, t); err != nil {
		return err
	}
	if l.standIn, err = awsproxy.Start(l.Server.Endpoint(), io.Discard, nil); err != nil {
		return err
	}
	defer l.standIn.Close()
	o.Say("deployed %d content types on a local AWS that enforces IAM", len(l.roles))
	if err := l.Launch(ctx, localec2.Options{Credentials: l.keyOf}); err != nil {
		return err
	}
	if err := errors.Join(l.playAll(ctx, o.Say), l.End()); err != nil {
		return err
	}
	return errors.Join(l.judge(ctx, o.Say), l.missing(o.Grants))
}

// keyOf is the key that instances with a profile get.
func (l *life) keyOf(profile string) aws.Credentials {
	i := slices.IndexFunc(l.roles, func(r role) bool { return r.profile == profile })
	return l.roles[i].key // each group of the tier has a role of the tier
}

// as is an SDK configuration with what a role grants, at an instance's own way to AWS or, with "", straight.
func (l *life) as(r role, endpoint string) aws.Config {
	cfg := l.AWS.Copy()
	cfg.Logger = logging.Nop{}
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return r.key, nil })
	if endpoint != "" {
		cfg.BaseEndpoint = &endpoint
	}
	return cfg
}

// resource is the physical name of the one resource of a kind in a content type's stack whose logical ID
// starts with a text.
func (l *life) resource(ctx context.Context, stack, kind, id string) (string, error) {
	stack = l.tier.config.Name + "-" + environment + "-" + stack
	found, err := cloudformation.NewFromConfig(l.AWS).DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &stack})
	if err != nil {
		return "", err
	}
	var names []string
	for _, r := range found.StackResources {
		if aws.ToString(r.ResourceType) == kind && len(*r.LogicalResourceId) >= len(id) && (*r.LogicalResourceId)[:len(id)] == id {
			names = append(names, aws.ToString(r.PhysicalResourceId))
		}
	}
	if len(names) != 1 {
		return "", fmt.Errorf("stack %s has %d resources %s that start with %q, want 1", stack, len(names), kind, id)
	}
	return names[0], nil
}

// sceneTime bounds what a scene waits for; each takes seconds where the machine has nothing else to do.
const sceneTime = 15 * time.Minute

// await waits until something holds.
func await(ctx context.Context, what string, holds func(context.Context) (bool, error)) error {
	return localtier.Await(ctx, what, sceneTime, holds)
}
