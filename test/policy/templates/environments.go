// Package templates holds every template of every environment against what others know about good templates:
// cdk-nag, cfn-lint, checkov, parliament, and rules for what they do not look into.
package templates

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
	"go.yaml.in/yaml/v4"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/stacks"
	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/tierspec"
)

// files are the configurations whose environments are looked at, from the project's root: its own, and the one
// of the golden templates, which uses every kind of setting but a Chef server.
var files = []string{"worker-tier.yaml", filepath.Join("stacks", "testdata", "worker-tier.yaml")}

// Report is what was found. Each finding is a line for people.
type Report struct {
	Templates          int
	Policies           int // documents that parliament was given
	LintFindings       []string
	NagFindings        []string
	CheckovFindings    []string
	ParliamentFindings []string
	RuleFindings       []string
	Accepted           int             // findings of all tools that stay, by accepted.go
	Grants             map[string]bool // Sids of the statements that instances' roles have in some template
}

// Check synthesises all environments below dir and judges their templates. The error says that something
// could not be looked at.
func Check(ctx context.Context, root, dir string) (Report, error) {
	report := Report{Grants: map[string]bool{}}
	var paths []string
	used := map[string]bool{}
	for n, file := range files {
		file = filepath.Join(root, file)
		environments, err := environmentsOf(file)
		if err != nil {
			return report, err
		}
		for _, environment := range environments {
			out := filepath.Join(dir, fmt.Sprintf("%d-%s", n, environment))
			if err := synthesize(file, environment, root, out); err != nil {
				return report, err
			}
			found, err := filepath.Glob(filepath.Join(out, "*.template.json"))
			if err != nil || len(found) == 0 {
				return report, fmt.Errorf("no templates in %s: %w", out, err)
			}
			paths = append(paths, found...)
			if err := report.readNag(out, len(found), used); err != nil {
				return report, err
			}
		}
	}
	report.Templates = len(paths)
	report.staleSuppressions(used)
	for _, path := range paths {
		if err := report.applyRules(path); err != nil {
			return report, err
		}
	}
	return report, errors.Join(report.lint(ctx, root, paths), report.checkov(ctx, root, dir, paths), report.parliament(ctx, root, paths))
}

// judge returns the findings of a tool that do not stay, and counts the others.
func (r *Report) judge(tool string, found []finding, accepted []acceptance) []string {
	left, kept := judge(tool, found, accepted)
	r.Accepted += kept
	return left
}

// environmentsOf are the names of a configuration's environments.
func environmentsOf(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var top struct {
		Environments map[string]any `yaml:"environments"`
	}
	if err := yaml.Unmarshal(text, &top); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return slices.Sorted(maps.Keys(top.Environments)), nil
}

// synthesize writes the cloud assembly of an environment and what cdk-nag says about it. What the CDK command
// line would look up is made up: an image and three zones.
func synthesize(file, environment, root, out string) error {
	tier, _, err := config.Load(file, environment)
	if err != nil {
		return err
	}
	env := tier.Environment
	where := ":account=" + env.Account + ":region=" + env.Region
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: &out, AnalyticsReporting: new(false), Context: &map[string]any{
		"ssm:account=" + env.Account + ":parameterName=" + env.BaseImage.SSMParameter + ":region=" + env.Region: "ami-0123456789abcdef0",
		"availability-zones" + where: []string{env.Region + "a", env.Region + "b", env.Region + "c"},
	}})
	archive, err := bundle.Pack(filepath.Join(root, "stacks", "testdata", "bundle"), filepath.Join(root, ".build", "archives"))
	if err != nil {
		return err
	}
	standIn := bundle.Bundle{Archive: archive}
	all := stacks.New(app, tier, stacks.Bundles{tierspec.ARM64: standIn, tierspec.X8664: standIn})
	suppress(all.Shared.Stack)
	if all.BaseImage != nil {
		suppress(all.BaseImage.Stack)
	}
	for _, c := range all.ContentTypes {
		suppress(c.Stack)
	}
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{
		Reports: new(true), ReportFormats: &[]cdknag.NagReportFormat{cdknag.NagReportFormat_JSON},
	}), nil)
	app.Synth(nil)
	return nil
}
