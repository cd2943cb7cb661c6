package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// checkCaller refuses every account but the one that the caller named.
func (s *sandbox) checkCaller(ctx context.Context) error {
	me, err := sts.NewFromConfig(s.aws).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return fmt.Errorf("ask whose credentials these are (set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY): %w", err)
	}
	if account := aws.ToString(me.Account); s.account != account {
		return fmt.Errorf("the credentials are of account %s (%s), Region %s, and ACCOUNT is %q: if that is your sandbox, say ACCOUNT=%s; nothing was changed",
			account, aws.ToString(me.Arn), s.aws.Region, s.account, account)
	}
	return nil
}

// checkAccount refuses an account that looks as if others worked in it: with another tier, a run that is not cleaned
// up, or "prod" in its alias.
func (s *sandbox) checkAccount(ctx context.Context) error {
	if err := s.checkCaller(ctx); err != nil {
		return err
	}
	aliases, err := iam.NewFromConfig(s.aws).ListAccountAliases(ctx, &iam.ListAccountAliasesInput{})
	if err != nil {
		return fmt.Errorf("read the account's alias, which must not say prod: %w", err)
	}
	for _, alias := range aliases.AccountAliases {
		if strings.Contains(strings.ToLower(alias), "prod") {
			return fmt.Errorf("account %s is called %q: this runs in a sandbox only", s.account, alias)
		}
	}
	return s.checkStacks(ctx)
}

// checkStacks wants an account without other tiers or runs, and with the CDK's own stack.
func (s *sandbox) checkStacks(ctx context.Context) error {
	all, err := s.allStacks(ctx)
	if err != nil {
		return err
	}
	bootstrapped := false
	for _, stack := range all {
		name, tier := aws.ToString(stack.StackName), stackTag(stack)
		bootstrapped = bootstrapped || name == "CDKToolkit"
		switch {
		case ours(stack):
			return fmt.Errorf("stack %s is of another run: it may still go on; if it does not, make test-aws-clean first", name)
		case tier != "":
			return fmt.Errorf("stack %s is of the worker tier %s: this runs in an account and Region of its own only", name, tier)
		}
	}
	if !bootstrapped && !s.local {
		return fmt.Errorf("the account is not bootstrapped for the CDK: npx cdk bootstrap aws://%s/%s first", s.account, s.aws.Region)
	}
	return nil
}

func (s *sandbox) allStacks(ctx context.Context) ([]cfntypes.Stack, error) {
	var all []cfntypes.Stack
	pages := cloudformation.NewDescribeStacksPaginator(cloudformation.NewFromConfig(s.aws), &cloudformation.DescribeStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the stacks: %w", err)
		}
		all = append(all, page.Stacks...)
	}
	return all, nil
}

// ours is true for a stack of this program, whichever run made it.
func ours(stack cfntypes.Stack) bool { return strings.HasPrefix(stackTag(stack), tierName+"-") }

// stackTag is the tier and environment that a stack belongs to, "" for a stack of something else.
func stackTag(stack cfntypes.Stack) string {
	for _, t := range stack.Tags {
		if aws.ToString(t.Key) == contract.TagEnvironment {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

// zones are two of the Region's zones that have the instance type.
func (s *sandbox) zones(ctx context.Context) ([]string, error) {
	offered, err := ec2.NewFromConfig(s.aws).DescribeInstanceTypeOfferings(ctx, &ec2.DescribeInstanceTypeOfferingsInput{
		LocationType: ec2types.LocationTypeAvailabilityZone, Filters: []ec2types.Filter{{Name: new("instance-type"), Values: []string{instanceType}}},
	})
	if err != nil {
		return nil, fmt.Errorf("ask which zones have %s: %w", instanceType, err)
	}
	var zones []string
	for _, o := range offered.InstanceTypeOfferings {
		zones = append(zones, aws.ToString(o.Location))
	}
	slices.Sort(zones)
	if len(zones) < 2 {
		return nil, fmt.Errorf("%s has %s in zones %v: two are needed, choose another REGION", s.aws.Region, instanceType, zones)
	}
	return zones[:2], nil
}

// checkPackage downloads the Chef package once, so that a wrong one costs no instance.
func (s *sandbox) checkPackage(ctx context.Context) error {
	if s.chef == nil {
		return nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.chef.URL, nil)
	if err != nil {
		return fmt.Errorf("CHEF_PACKAGE_URL: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("CHEF_PACKAGE_URL: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("CHEF_PACKAGE_URL: %s answers %s", s.chef.URL, response.Status)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, response.Body); err != nil {
		return fmt.Errorf("CHEF_PACKAGE_URL: %w", err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != s.chef.SHA256 {
		return errors.New("CHEF_PACKAGE_SHA256 is not that of CHEF_PACKAGE_URL, which has " + got)
	}
	return nil
}
