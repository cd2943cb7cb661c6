package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// leaveRubbish adds to a content type's program what is no part of it.
func leaveRubbish(_ context.Context, l *live) error {
	for _, name := range []string{".DS_Store", "inventory.py~", ".inventory.py.swp", "__pycache__/inventory.cpython-311.pyc"} {
		if err := l.project.write("listing/"+name, "rubbish"); err != nil {
			return err
		}
	}
	return nil
}

// The images of the tier, both of which exist in the local AWS.
const (
	firstImage = "ami-0123456789abcdef0"
	nextImage  = "ami-0c2023a1b2c3d4e5f"
)

// imageParameter is a parameter of the user's own. Its name says of which architecture the image is.
var imageParameter = "/images/" + map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]

// parameterNames changes which image the parameter names.
func parameterNames(image string) func(context.Context, *live) error {
	return func(ctx context.Context, l *live) error {
		_, err := ssm.NewFromConfig(l.AWS).PutParameter(ctx, &ssm.PutParameterInput{Name: &imageParameter, Value: &image, Type: ssmtypes.ParameterTypeString, Overwrite: new(true)})
		return err
	}
}

// imageByParameter has the configuration name the image by the parameter, which names the same one.
func imageByParameter(ctx context.Context, l *live) error {
	if err := parameterNames(firstImage)(ctx, l); err != nil {
		return err
	}
	return l.project.edit("{amiId: "+firstImage+"}", "{ssmParameter: "+imageParameter+"}")
}

// forget forgets what earlier synths looked up.
func forget(ctx context.Context, l *live) error { return l.cdk.ResetContext(ctx) }

// startFrom checks from which image new instances start.
func startFrom(image string) func(context.Context, *live, look, look) (string, error) {
	return func(ctx context.Context, l *live, _, after look) (string, error) {
		for name, p := range after.pools {
			found, err := ec2.NewFromConfig(l.AWS).DescribeLaunchTemplateVersions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: &p.template, Versions: []string{p.version}})
			if err != nil || len(found.LaunchTemplateVersions) != 1 {
				return "", fmt.Errorf("launch template of %s: %w", name, err)
			}
			if got := aws.ToString(found.LaunchTemplateVersions[0].LaunchTemplateData.ImageId); got != image {
				return "", fmt.Errorf("instances of %s start from %s, want %s", name, got, image)
			}
		}
		return "instances start from the new image", nil
	}
}
