package stacks

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"github.com/worker-tier/worker-tier/test/synthtest"
)

// zonesOf are the zones of the subnets of environment dev, which names none, where the committed context
// holds these.
func zonesOf(t *testing.T, context []string) (zones []string) {
	t.Helper()
	tier := load(t, "../worker-tier.yaml", "dev")
	dir := t.TempDir()
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: &dir, Context: &map[string]any{
		"availability-zones:account=" + tier.Environment.Account + ":region=" + tier.Environment.Region: context,
	}})
	NewShared(app, tier)
	app.Synth(nil)
	for _, s := range synthtest.Parse(t, []byte(templates(t, dir)["worker-tier-dev-shared"])).Of("AWS::EC2::Subnet") {
		zone, _ := s.At("AvailabilityZone").(string)
		zones = append(zones, zone)
	}
	slices.Sort(zones)
	return zones
}

func TestZonesOfTheCommittedContext(t *testing.T) {
	if got, want := zonesOf(t, []string{"us-east-1b", "us-east-1d"}), []string{"us-east-1b", "us-east-1d"}; !slices.Equal(got, want) {
		t.Errorf("subnets in %v, want %v", got, want)
	}
	defer func() {
		const want = "worker-tier-dev-shared/Network: AvailabilityZones: 1 given or found; at least two are needed"
		if text, _ := recover().(string); !strings.HasPrefix(text, want) {
			t.Errorf("one zone: %q, want %q", text, want)
		}
	}()
	zonesOf(t, []string{"us-east-1b"})
}
