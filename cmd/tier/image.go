package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/imagebuilder"
	ibtypes "github.com/aws/aws-sdk-go-v2/service/imagebuilder/types"
	"github.com/aws/smithy-go"

	"github.com/worker-tier/worker-tier/bootstrap/image"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

type imageCommand struct {
	Build bool `help:"Start a build of the deployed pipeline; the same command without it shows what became of it."`
}

// pipeline is an environment's image pipeline and what it has built.
type pipeline struct {
	Name    string `json:"name"`
	Region  string `json:"region"`
	Defined string `json:"defined"` // version of the recipe that the configuration asks for
	// Deployed is the version that the next build has; it differs where the configuration was not deployed since it changed.
	Deployed string     `json:"deployed"`
	Pinned   string     `json:"pinned"` // AMI that the configuration names, "" if it names none
	Used     *usedImage `json:"used"`
	Images   []build    `json:"images"` // newest first
	arn      string
}

// build is an image, or what is to become one.
type build struct {
	Version string    `json:"version"` // of the recipe and, behind a slash, of the build
	AMI     string    `json:"ami"`     // in the pipeline's Region, "" if there is none
	OS      string    `json:"os"`
	Started time.Time `json:"started"`
	Status  string    `json:"status"` // AVAILABLE: all its tests passed
	Reason  string    `json:"reason"` // why it failed
}

// Run shows the image that instances start from, the newest that passed its tests and the line that makes the environment use it,
// or starts a build. It
// changes no file: which image instances start from is decided by whoever reads its diff.
func (c *imageCommand) Run(ctx context.Context, s *session) error {
	env := s.tier.Environment
	if env.ImageBuilder == nil && !c.Build {
		used, err := s.usedImage(ctx)
		if err != nil {
			return err
		}
		return s.result(used, used.lines(env.Name, time.Now())...)
	}
	p, err := s.imagePipeline(ctx)
	if err != nil {
		return err
	}
	if c.Build {
		return s.startBuild(ctx, p)
	}
	if p.Used, err = s.usedImage(ctx); err != nil {
		return err
	}
	now := time.Now()
	return s.result(p, slices.Concat(p.lines(s, now), []string{""}, p.Used.lines(env.Name, now))...)
}

// imagePipeline finds the environment's pipeline and all its builds.
func (s *session) imagePipeline(ctx context.Context) (*pipeline, error) {
	env := s.tier.Environment
	name := contract.StackName(s.tier.Name, env.Name, tierspec.BaseImageStack)
	if env.ImageBuilder == nil {
		return nil, fmt.Errorf("environment %s has no image pipeline: give it imageBuilder in %s, then npx cdk deploy -c env=%s --exclusively %s", env.Name, s.file, env.Name, name)
	}
	p := &pipeline{
		Name: name, Region: env.Region, Pinned: env.BaseImage.AMI,
		Defined: image.Define(env.ImageBuilder.Architecture, s.tier.Chef).Version,
		arn:     "arn:" + strings.Split(s.caller, ":")[1] + ":imagebuilder:" + env.Region + ":" + env.Account + ":image-pipeline/" + name,
		Images:  []build{},
	}
	found, err := s.images.GetImagePipeline(ctx, &imagebuilder.GetImagePipelineInput{ImagePipelineArn: &p.arn})
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "ResourceNotFoundException" {
		return nil, fmt.Errorf("there is no image pipeline %s in %s: npx cdk deploy -c env=%s --exclusively %s", name, env.Region, env.Name, name)
	}
	if err != nil {
		return nil, fmt.Errorf("look for image pipeline %s: %w", name, err)
	}
	p.Deployed = lastParts(aws.ToString(found.ImagePipeline.ImageRecipeArn), 1)
	pages := imagebuilder.NewListImagePipelineImagesPaginator(s.images, &imagebuilder.ListImagePipelineImagesInput{ImagePipelineArn: &p.arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the images of pipeline %s: %w", name, err)
		}
		for _, summary := range page.ImageSummaryList {
			b, err := buildOf(summary, env.Region)
			if err != nil {
				return nil, err
			}
			p.Images = append(p.Images, b)
		}
	}
	slices.SortStableFunc(p.Images, func(a, b build) int { return b.Started.Compare(a.Started) })
	return p, nil
}

// buildOf reads one entry of Image Builder's list.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ImageSummary.html
func buildOf(summary ibtypes.ImageSummary, region string) (build, error) {
	b := build{Version: lastParts(aws.ToString(summary.Arn), 2), OS: aws.ToString(summary.OsVersion)}
	var err error
	if b.Started, err = time.Parse(time.RFC3339, aws.ToString(summary.DateCreated)); err != nil {
		return b, fmt.Errorf("image %s: its date: %w", b.Version, err)
	}
	if summary.State != nil {
		b.Status, b.Reason = string(summary.State.Status), aws.ToString(summary.State.Reason)
	}
	if summary.OutputResources != nil {
		for _, ami := range summary.OutputResources.Amis {
			if aws.ToString(ami.Region) == region {
				b.AMI = aws.ToString(ami.Image)
			}
		}
	}
	return b, nil
}

// lastParts are the last n parts of an ARN's path: …:image/NAME/1.2.3/4 is version 1.2.3, build 4.
func lastParts(arn string, n int) string {
	parts := strings.Split(arn, "/")
	return strings.Join(parts[max(0, len(parts)-n):], "/")
}

// startBuild starts one unless there is one, or it would not be what the configuration says.
func (s *session) startBuild(ctx context.Context, p *pipeline) error {
	env := s.tier.Environment.Name
	if p.Deployed != p.Defined {
		return fmt.Errorf("the deployed pipeline builds version %s, %s defines %s: npx cdk deploy -c env=%s --exclusively %s first", p.Deployed, s.file, p.Defined, env, p.Name)
	}
	if i := slices.IndexFunc(p.Images, build.running); i >= 0 {
		return fmt.Errorf("version %s is being built (%s): wait for it, or cancel it in the console of Image Builder", p.Images[i].Version, p.Images[i].Status)
	}
	started, err := s.images.StartImagePipelineExecution(ctx, &imagebuilder.StartImagePipelineExecutionInput{ImagePipelineArn: &p.arn})
	if err != nil {
		return fmt.Errorf("start a build of pipeline %s: %w", p.Name, err)
	}
	version := lastParts(aws.ToString(started.ImageBuildVersionArn), 2)
	return s.result(struct {
		Version string `json:"version"`
	}{version}, "version "+version+" is being built, then tested: tier image -e "+env+" shows what becomes of it")
}

// running is true for what is neither an image yet nor failed.
func (b build) running() bool {
	switch ibtypes.ImageStatus(b.Status) {
	case ibtypes.ImageStatusPending, ibtypes.ImageStatusCreating, ibtypes.ImageStatusBuilding, ibtypes.ImageStatusTesting, ibtypes.ImageStatusDistributing, ibtypes.ImageStatusIntegrating:
		return true
	}
	return false
}

// tested is true for an image that passed its tests and can be used in the pipeline's Region.
func (b build) tested() bool {
	return b.Status == string(ibtypes.ImageStatusAvailable) && b.AMI != ""
}
