package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// gate is what each instance passes before it boots. IAM is not enforced where the CDK deploys, so the gate asks the deployed role whether the
// instance may fetch what its user-data names. One that may not fails its boot, as do those that it is told to fail.
type gate struct {
	live *live

	mu     sync.Mutex
	wait   func(localec2.Boot) error // before the boot; nil: no wait
	fails  func(localec2.Boot) bool  // nil: none
	spoilt int                       // instances that the gate has failed
	denied []string                  // what roles did not allow
}

// start starts an instance, as a machine of processes.
func (g *gate) start(boot localec2.Boot) (localec2.Machine, error) {
	g.mu.Lock()
	wait, fails := g.wait, g.fails
	g.mu.Unlock()
	if wait != nil {
		if err := wait(boot); err != nil {
			return nil, err
		}
	}
	denied, err := g.denials(boot)
	if err != nil {
		return nil, err
	}
	spoil := len(denied) > 0 || fails != nil && fails(boot)
	g.mu.Lock()
	g.denied = append(g.denied, denied...)
	if spoil {
		g.spoilt++
	}
	g.mu.Unlock()
	if spoil {
		install := boot.Install
		boot.Install = func() error {
			if err := install(); err != nil {
				return err
			}
			return replace(filepath.Join(boot.Dir, "bin", "worker"), g.live.project.release("broken"))
		}
	}
	return localec2.StartProcess(boot)
}

// set changes what the gate does, and begins to count anew.
func (g *gate) set(wait func(localec2.Boot) error, fails func(localec2.Boot) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wait, g.fails, g.spoilt, g.denied = wait, fails, 0, nil
}

// counts are the instances that were failed since, and what roles did not allow.
func (g *gate) counts() (spoilt int, denied []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.spoilt, g.denied
}

// requestTime bounds a request to the local AWS.
const requestTime = time.Minute

// denials are the objects that an instance is to fetch and its role, as it is now, does not allow.
func (g *gate) denials(boot localec2.Boot) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	defer cancel()
	client := iam.NewFromConfig(g.live.AWS)
	name := path.Base(boot.Profile) // a launch template may name it by its ARN
	profile, err := client.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: &name})
	if err != nil || len(profile.InstanceProfile.Roles) != 1 {
		return nil, fmt.Errorf("role of the instance profile %s: %w", boot.Profile, err)
	}
	var denied []string
	its := boot.Document.WorkerTier
	for _, object := range []*contract.Object{&its.Bundle, its.Files, its.Cookbooks} {
		if object == nil {
			continue
		}
		got, err := client.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
			PolicySourceArn: profile.InstanceProfile.Roles[0].Arn, ActionNames: []string{"s3:GetObject"},
			ResourceArns: []string{"arn:aws:s3:::" + object.Bucket + "/" + object.Key},
		})
		if err != nil {
			return nil, err
		}
		if len(got.EvaluationResults) != 1 {
			return nil, errors.New("IAM did not say whether an object may be read")
		}
		if got.EvaluationResults[0].EvalDecision != iamtypes.PolicyEvaluationDecisionTypeAllowed {
			denied = append(denied, fmt.Sprintf("the role of %s may not read %s, which instance %s is to fetch", aws.ToString(&boot.Profile), object.Key, boot.ID))
		}
	}
	return denied, nil
}

// replace puts a program in the place of another.
func replace(path, by string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	from, err := os.Open(by)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}
