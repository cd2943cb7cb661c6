package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/localec2"
)

// knownImage exists in the local AWS.
const knownImage = "ami-0123456789abcdef0"

// local is what stands for AWS with -local.
type local struct {
	server   *localaws.Server
	launcher *localec2.Launcher
	cancel   context.CancelFunc
	ended    chan struct{}
}

// startLocal starts a local AWS and its EC2.
func startLocal(ctx context.Context, dir string) (*local, aws.Config, error) {
	server, err := localaws.Start(ctx, localaws.Options{Dir: filepath.Join(dir, "localaws")})
	if err != nil {
		return nil, aws.Config{}, err
	}
	cfg, err := server.AWSConfig(ctx)
	if err != nil {
		server.Stop()
		return nil, cfg, err
	}
	log, err := os.Create(filepath.Join(dir, "launcher.log"))
	if err != nil {
		server.Stop()
		return nil, cfg, err
	}
	l := &local{server: server, ended: make(chan struct{}), launcher: localec2.New(localec2.Options{
		AWS: cfg, Endpoint: server.Endpoint(), Account: localaws.Account, Region: localaws.Region,
		Dir: filepath.Join(dir, "instances"), Log: slog.New(slog.NewJSONHandler(log, nil)),
	})}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel = cancel
	go func() {
		defer close(l.ended)
		defer func() { _ = log.Close() }()
		if err := l.launcher.Run(running); err != nil {
			slog.New(slog.NewJSONHandler(log, nil)).Error("local EC2 not run", "error", err.Error())
		}
	}()
	return l, cfg, nil
}

// stop ends the instances, then the local AWS.
func (l *local) stop() {
	l.cancel()
	<-l.ended
	l.server.Stop()
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
func (l *local) serving(group string) []box {
	var boxes []box
	for _, i := range l.launcher.Instances() {
		if i.Group == group && l.launcher.InService(i) {
			boxes = append(boxes, box{id: i.ID, round: i.Document.WorkerTier.Environment["ROUND"]})
		}
	}
	return boxes
}
