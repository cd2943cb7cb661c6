package main

import (
	"context"
	"errors"
	"runtime"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/stage"
)

// knownImage exists in the local AWS.
const knownImage = "ami-0123456789abcdef0"

// local is what stands for AWS with -local.
type local struct{ *stage.Stage }

// startLocal starts a local AWS and its EC2.
func startLocal(ctx context.Context, dir string) (*local, aws.Config, error) {
	s, err := stage.Start(ctx, dir, localaws.Options{})
	if err != nil {
		return nil, aws.Config{}, err
	}
	if err := s.Launch(ctx, localec2.Options{}); err != nil {
		return nil, s.AWS, errors.Join(err, s.Stop())
	}
	return &local{s}, s.AWS, nil
}

// describe gives the description what is there on a local AWS and returns what this machine runs, for which
// the deployed worker is built.
func (l *local) describe(d *description) (goos, architecture string) {
	d.Zones, d.Image, d.InstanceType = []string{localaws.Region + "a", localaws.Region + "b"}, knownImage, "m7i.large"
	if runtime.GOARCH == "arm64" {
		d.InstanceType = "m7g.large"
	}
	return runtime.GOOS, runtime.GOARCH
}

// serving are the instances of the group that count as its capacity.
func (l *local) serving(group string) []servingInstance {
	var instances []servingInstance
	for _, i := range l.Launcher.Instances() {
		if i.Group == group && l.Launcher.InService(i) {
			instances = append(instances, servingInstance{id: i.ID, round: i.Document.WorkerTier.Environment["ROUND"]})
		}
	}
	return instances
}
