package localec2

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// fixtureVariable makes this test binary a worker: the fixtures' bundles hold it as bin/worker.
const fixtureVariable = "LOCALEC2_FIXTURE"

func TestMain(m *testing.M) {
	if os.Getenv(fixtureVariable) != "" {
		if err := fixture(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(localaws.Shared(m))
}

// fixture is a worker that has a child in its session and one that left it, completes its termination
// hook and ends on SIGTERM.
func fixture() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if slices.Equal(os.Args[1:], []string{"boot", "complete"}) {
		return bootComplete(ctx)
	}
	var children []int
	for _, leave := range []bool{false, true} {
		child := exec.Command("sleep", "1000")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: leave}
		if err := child.Start(); err != nil {
			return err
		}
		children = append(children, child.Process.Pid)
	}
	env, _ := json.Marshal(map[string]any{"environment": os.Environ(), "arguments": os.Args[1:], "children": children})
	if err := os.WriteFile("started.part", env, 0o600); err != nil {
		return err
	}
	if err := os.Rename("started.part", "started"); err != nil {
		return err
	}
	if err := completeWhenTold(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	fmt.Println("drained")
	return nil
}

// bootComplete completes the launch hook as $LAUNCH says: with CONTINUE, with ABANDON, or not at all, and fails then.
func bootComplete(ctx context.Context) error {
	result := os.Getenv("LAUNCH")
	if result == "" {
		return errors.New("the check of the worker failed")
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	return completeHook(ctx, cfg, "launch", result)
}

func completeHook(ctx context.Context, cfg aws.Config, hook, result string) error {
	document, err := imds.NewFromConfig(cfg).GetInstanceIdentityDocument(ctx, nil)
	if err != nil {
		return err
	}
	_, err = autoscaling.NewFromConfig(cfg).CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: new(os.Getenv("GROUP")), LifecycleHookName: &hook,
		InstanceId: &document.InstanceID, LifecycleActionResult: &result,
	})
	return err
}

// completeWhenTold finds credentials, identity and state as a worker on EC2 does: in the metadata.
func completeWhenTold(ctx context.Context) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	client := imds.NewFromConfig(cfg)
	for ctx.Err() == nil {
		out, err := client.GetMetadata(ctx, &imds.GetMetadataInput{Path: "autoscaling/target-lifecycle-state"})
		if err != nil {
			return err
		}
		var state bytes.Buffer
		if _, err := state.ReadFrom(out.Content); err != nil {
			return err
		}
		if state.String() == "Terminated" {
			return completeHook(ctx, cfg, "terminate", "CONTINUE")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// pool is a group of fixtures with a launcher.
type pool struct {
	*Launcher
	group string
	cfg   aws.Config
}

// newPool makes a pool whose instances complete their launch with a result; "": fail their check.
func newPool(t *testing.T, desired int32, launch string) pool {
	t.Helper()
	server := localaws.StartT(t)
	cfg := server.ConfigT(t)
	p := pool{group: strings.NewReplacer("/", "-", "_", "-").Replace(strings.ToLower(t.Name())) + newID(), cfg: cfg}
	p.deploy(t, desired, launch)
	p.Launcher = runLauncher(t, server, cfg, func(ctx context.Context) error {
		_, err := autoscaling.NewFromConfig(cfg).DeleteAutoScalingGroup(ctx, &autoscaling.DeleteAutoScalingGroupInput{AutoScalingGroupName: &p.group})
		return err
	})
	return p
}

// runLauncher runs a launcher until the test ends. No instance may leave a process then, and remove removes their group.
func runLauncher(t *testing.T, server *localaws.Server, cfg aws.Config, remove func(context.Context) error) *Launcher {
	t.Helper()
	l := New(Options{
		AWS: cfg, Endpoint: server.Endpoint(), Account: localaws.Account, Region: localaws.Region,
		Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, i := range l.All() {
			if left := i.Machine.Processes(); len(left) > 0 {
				t.Errorf("instance %s left the processes %v", i.ID, left)
			}
		}
		if err := remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}

// deploy makes the group, with its hooks, a launch template and a bundle.
func (p pool) deploy(t *testing.T, desired int32, launch string) {
	t.Helper()
	object := upload(t, s3.NewFromConfig(p.cfg), p.group)
	document, err := json.Marshal(contract.FirstBoot{Schema: contract.BootSchema, WorkerTier: contract.Attributes{
		Environment: map[string]string{fixtureVariable: "1", "GROUP": p.group, "LAUNCH": launch, contract.EnvLaunchHook: "launch", "AWS_REGION": localaws.Region, contract.EnvContentType: "mail"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/bash\n" + contract.BundleVariable + "='s3://" + object.Bucket + "/" + object.Key + "'\ncat <<'" + contract.FirstBootMarker + "'\n" + string(document) + "\n" + contract.FirstBootMarker + "\n"
	made := localaws.Call(t, ec2.NewFromConfig(p.cfg).CreateLaunchTemplate, &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: &p.group,
		LaunchTemplateData: &types.RequestLaunchTemplateData{UserData: aws.String(base64.StdEncoding.EncodeToString([]byte(script)))},
	})
	groups := autoscaling.NewFromConfig(p.cfg)
	if _, err := groups.CreateAutoScalingGroup(t.Context(), groupInput(p.group, *made.LaunchTemplate.LaunchTemplateId, desired)); err != nil {
		t.Fatal(err)
	}
	for _, in := range []*autoscaling.PutLifecycleHookInput{
		hookInput(p.group, "launch", launching, "ABANDON"), hookInput(p.group, "terminate", terminating, "CONTINUE"),
	} {
		if _, err := groups.PutLifecycleHook(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
}

// upload puts a bundle with this test binary on S3.
func upload(t *testing.T, client *s3.Client, bucket string) contract.Object {
	t.Helper()
	binary, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	var bundle bytes.Buffer
	archive := zip.NewWriter(&bundle)
	header := &zip.FileHeader{Name: "bin/worker", Method: zip.Store}
	header.SetMode(0o755)
	w, err := archive.CreateHeader(header)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(binary); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	localaws.Call(t, client.CreateBucket, &s3.CreateBucketInput{Bucket: &bucket})
	object := contract.Object{Bucket: bucket, Key: "bundle.zip"}
	localaws.Call(t, client.PutObject, &s3.PutObjectInput{Bucket: &object.Bucket, Key: &object.Key, Body: bytes.NewReader(bundle.Bytes())})
	return object
}
