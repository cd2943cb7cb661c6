package worker

import (
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
)

// groupOfOne makes an Auto Scaling group of one instance and returns its id and a way to ask whether it is protected.
func (tr *tier) groupOfOne(name string) (id string, protected func() bool) {
	t, groups := tr.t, tr.group(name, 1)
	t.Helper()
	only := func() types.Instance {
		out, err := groups.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
		if err != nil || len(out.AutoScalingGroups) != 1 || len(out.AutoScalingGroups[0].Instances) != 1 {
			t.Fatalf("group %+v: %v", out, err)
		}
		return out.AutoScalingGroups[0].Instances[0]
	}
	return *only().InstanceId, func() bool { return *only().ProtectedFromScaleIn }
}

// An instance of a warm pool takes its first job when its group has it in service, and has itself protected
// while it works.
func TestWarmInstanceWorksOnceItIsInServiceAndIsProtectedThen(t *testing.T) {
	t.Parallel()
	tr, finish := newExecTier(t, "warm", `until test -e "$1"; do sleep 0.1; done`)
	id, protected := tr.groupOfOne("warm-group")
	metadata, environ := tr.standsIn(id, "warm-group")
	metadata.SetTargetState("Warmed:Stopped")
	tr.environ = append(tr.environ, environ...)
	tr.settings.WarmPool, tr.settings.ProtectBusy = true, true
	tr.submit("first", "{}")

	i := tr.start()
	await(t, "the worker waits", func() bool { return i.logged("not in service yet: no jobs are taken") })
	time.Sleep(time.Second) // an idle worker claims within a tenth of that
	if j := tr.show("first"); j.State != "READY" || protected() {
		t.Fatalf("in a warm pool the job is %s, the instance protected %t", j.State, protected())
	}
	metadata.SetTargetState("InService")
	await(t, "the instance is protected", protected)
	if err := os.WriteFile(finish, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, "the job is done", func() bool { return tr.show("first").State == "DONE" })
}
