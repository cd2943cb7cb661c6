package workerpool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/test/synthtest"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

func TestMain(m *testing.M) { synthtest.Main(m) }

// mail is a pool with everything a content type may ask for.
func mail(t *testing.T) Props {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "worker"), []byte("a worker"), 0o600); err != nil {
		t.Fatal(err)
	}
	archive, err := bundle.Pack(folder, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return Props{
		Tier: "tier", Environment: "prod", Bundle: archive, Files: &archive, Image: "ami-0123456789abcdef0",
		VPC: "vpc-1", Subnets: []string{"subnet-a", "subnet-b"},
		Table: "jobs", ArtifactsBucket: "artifacts", AlarmTopic: "arn:aws:sns:us-east-1:111122223333:alarms",
		Chef: tierspec.Chef{Distribution: "cinc", Version: "18"},
		ContentType: tierspec.ContentType{
			Name: "mail", Processor: "backup", Role: "worker-mail", Files: folder,
			Variables: map[string]string{"LANG": "C"},
			Secrets:   []string{"imap-service", "ssm:/imap/token"}, Reads: []string{"backup"},
			Policy:    []tierspec.PolicyStatement{{Actions: []string{"polly:SynthesizeSpeech"}, Resources: []string{"*"}}},
			Producers: []string{"arn:aws:iam::111122223333:role/frontend"},
			Tags:      map[string]string{"team": "mail"},

			InstanceTypes: []string{"m7g.large", "c7g.large"}, Architecture: tierspec.ARM64,
			ProcessesPerInstance: 2, RootVolumeGiB: 40, MinCapacity: 1, MaxCapacity: 60, SpotPercent: 80, ProtectBusy: true,
			ScaleOut: tierspec.ScaleOut{TargetLatency: 10 * time.Minute, MeanJobTime: 5 * time.Minute},
			ScaleIn:  tierspec.ScaleIn{CPUBelow: 70, For: 10 * time.Minute, RemovePercent: 10},
			Job: contract.Timing{
				Lease: time.Minute, Heartbeat: 20 * time.Second, Sweep: 30 * time.Second,
				Checkpoint: 10 * time.Second, DrainBudget: time.Minute, Stall: time.Hour,
			},
			Retry: contract.DefaultRetry(),
			Boot:  tierspec.Boot{Timeout: 10 * time.Minute, KeepFailed: 15 * time.Minute},
		},
	}
}

func synth(t *testing.T, props Props) synthtest.Template {
	t.Helper()
	return synthtest.Synth(t, func(stack awscdk.Stack) { New(stack, "Pool", props) })
}

func TestPropsThatMakeNoPoolAreRefused(t *testing.T) {
	for want, change := range map[string]func(*Props){
		"test/Pool: Table is empty":                                       func(p *Props) { p.Table = "" },
		"test/Pool: ContentType.Inbound has a rule for SSH":               func(p *Props) { p.ContentType.Inbound = []tierspec.Inbound{{Port: 22, SecurityGroup: "sg-1"}} },
		"test/Pool: ContentType.MaxCapacity is less than 1":               func(p *Props) { p.ContentType.MinCapacity = 61 },
		"test/Pool: ContentType.Job.Lease is less than twice Heartbeat":   func(p *Props) { p.ContentType.Job.Heartbeat = 31 * time.Second },
		"test/Pool: ContentType.Retry is not set":                         func(p *Props) { p.ContentType.Retry.FailureLimit = 0 },
		"test/Pool: ContentType.Boot is not set":                          func(p *Props) { p.ContentType.Boot.KeepFailed = 2 * time.Hour },
		`test/Pool: ContentType.Tags: "a,b" cannot be the key of a tag`:   func(p *Props) { p.ContentType.Tags = map[string]string{"a,b": "7"} },
		`test/Pool: ContentType.Tags: "AWS:x" cannot be the key of a tag`: func(p *Props) { p.ContentType.Tags = map[string]string{"AWS:x": "7"} },
		"test/Pool: ContentType: its user-data may have ":                 func(p *Props) { p.ContentType.Variables = map[string]string{"X": strings.Repeat("x", 16<<10)} },
	} {
		props := mail(t)
		change(&props)
		if got := refusal(t, props); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q…", got, want)
		}
	}
}

func refusal(t *testing.T, props Props) (text string) {
	t.Helper()
	defer func() { text, _ = recover().(string) }()
	synth(t, props)
	return ""
}
