package main

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// The whole life of a type in an environment that keeps everything: protected, retired once its last job has ended,
// its queues kept, added again with new ones.
func TestRetireAndAddAgain(t *testing.T) {
	d := deploy(t, "prod", "mail", "backup")
	p := d.deployment("mail")
	if p.queue == "" || p.deadLetters == "" || len(p.roles) != 1 || len(p.groups) != 1 || p.table == "" {
		t.Fatalf("found %+v", p)
	}
	before, _ := d.statements(p.queue)
	d.refuses(p, before)
	d.stopsAndUndoes(p, before)

	ended := make(chan struct{})
	go func() { defer close(ended); time.Sleep(300 * time.Millisecond); d.endJob(p.table, "a") }()
	o := d.must("retire", "mail", "--unprotect", "--yes")
	<-ended
	if o.Status != "retired" || o.Left.Dead != 1 || o.Left.unfinished() != 0 || !o.Configured || len(o.Retained) != 3 {
		t.Errorf("retired: %+v", o)
	}
	if d.deployment("mail") != nil || d.deployment("backup") == nil {
		t.Error("mail is still there, or backup is gone with it")
	}
	if _, err := (&account{queues: sqs.NewFromConfig(d.cfg)}).messages(t.Context(), p.queue); err != nil {
		t.Errorf("the queue was not kept: %v", err)
	}
	d.create("prod", "mail")
	again := d.deployment("mail") // on AWS with other queues; the local AWS makes the same names of the same stack
	if again.queue == "" || len(again.groups) != 1 {
		t.Fatalf("added again, it has %+v", again)
	}
	if after, _ := d.statements(again.queue); cmp.Diff(before, after) != "" {
		t.Errorf("added again, the queue's policy is %v, was %v", after, before)
	}
}

// refuses tries to retire mail without what it takes; nothing changes.
func (d *deployed) refuses(p *deployment, before []string) {
	d.t.Helper()
	if status, _, said := d.tier("", "retire", "mail", "--yes"); status != 1 || !strings.HasPrefix(said, "tier: stack tier-prod-mail is protected against termination; say --unprotect") {
		d.t.Errorf("exit status %d, %q", status, said)
	}
	if status, _, said := d.tier("no\n", "retire", "mail", "--unprotect"); status != 1 || !strings.HasSuffix(said, "not confirmed: nothing was changed\n") {
		d.t.Errorf("exit status %d, %q", status, said)
	}
	if status, _, said := d.tier("", "retire", "mail", "--unprotect"); status != 1 || !strings.HasSuffix(said, "Nothing was changed: there is nobody to ask, repeat it with --yes\n") {
		d.t.Errorf("exit status %d, %q", status, said)
	}
	if after, _ := d.statements(p.queue); cmp.Diff(before, after) != "" {
		d.t.Errorf("the queue's policy has changed to %v", after)
	}
}

// stopsAndUndoes retires mail, which has a running job, and takes that back before the job ends.
func (d *deployed) stopsAndUndoes(p *deployment, before []string) {
	d.t.Helper()
	d.putJob(p.table, "a", contract.DueRunning)
	d.putJob(p.table, "dead", contract.DueDead+"0000000000001")
	status, _, said := d.tier("mail\n", "retire", "mail", "--unprotect", "--wait", "200ms")
	if status != 1 || !strings.Contains(said, "after 200ms there are still about 0 messages, 0 READY and 1 RUNNING jobs (and 1 DEAD ones, 0 dead letters)") {
		d.t.Errorf("exit status %d, %q", status, said)
	}
	after, except := d.statements(p.queue)
	if want := append(slices.Clone(before), retired); cmp.Diff(want, after) != "" || !strings.Contains(except, ":role/"+p.roles[0]) {
		d.t.Errorf("statements %v except for %s, want %v except for %s", after, except, want, p.roles[0])
	}
	if o := d.must("retire", "mail", "--undo"); o.Status != "open" || o.Left.Running != 1 {
		d.t.Errorf("undone: %+v", o)
	}
	if after, _ := d.statements(p.queue); cmp.Diff(before, after) != "" {
		d.t.Errorf("undone, the queue's policy is %v, was %v", after, before)
	}
}

// A disposable type goes without ado; what it has not finished stays in the table if it is abandoned.
func TestRetireDisposable(t *testing.T) {
	d := deploy(t, "lab", "mail")
	p := d.deployment("mail")
	d.putJob(p.table, "ready", contract.DueReady+"0000000000001")
	d.send(p.queue)
	d.configure("lab", "backup") // the entry is gone already
	if status, _, said := d.tier("", "retire", "mail", "--yes", "--wait", "100ms"); status != 1 || !strings.Contains(said, "there are still about 1 messages, 1 READY") {
		t.Errorf("exit status %d, %q", status, said)
	}
	o := d.must("retire", "mail", "--yes", "--abandon")
	if o.Left.Messages != 1 || o.Left.Ready != 1 || len(o.Retained) != 0 || o.Configured {
		t.Errorf("retired: %+v", o)
	}
	d.create("lab", "mail") // it can be added again
}

func TestOrphans(t *testing.T) {
	d := deploy(t, "lab", "mail", "restore")
	if status, out, _ := d.tier("", "orphans"); status != 0 || !strings.HasPrefix(out, "no orphans: ") {
		t.Errorf("exit status %d, %q", status, out)
	}
	d.configure("lab", "restore")
	if status, out, _ := d.tier("", "orphans"); status != 0 || !strings.Contains(out, "tier-lab-mail  mail") || strings.Contains(out, "restore") || strings.Contains(out, "shared") {
		t.Errorf("exit status %d, %q", status, out)
	}
	if found := d.orphans(); len(found) != 1 || found[0].Status != "CREATE_COMPLETE" || found[0].Why != "content type not in "+d.config {
		t.Errorf("%+v", found)
	}
}

// orphans are what the command lists, in its order.
func (d *deployed) orphans() []orphan {
	d.t.Helper()
	status, out, _ := d.tier("", "orphans", "--json")
	var found []orphan
	if err := json.Unmarshal([]byte(out), &found); err != nil || status != 0 {
		d.t.Fatalf("exit status %d, %v, %s", status, err, out)
	}
	return found
}

// TestOrphansOfOtherNames: the tags tell whose a stack is, not its name, nor the environment that is asked for.
func TestOrphansOfOtherNames(t *testing.T) {
	d := deploy(t, "lab", "restore")
	for name, tags := range map[string][]string{
		"a-copy":             {"tier-lab", "restore"},     // the type is in the file, and has its own stack
		"tier-lab-old":       {"tier-lab"},                // of no type
		"tier-gone-restore":  {"tier-gone", "restore"},    // of an environment that is not in the file
		"tier-gone-shared":   {"tier-gone"},               //
		"renamed-lab-mail":   {"old-tier-lab", "restore"}, // of the tier as it was called before
		"somebody-elses":     nil,
		"restore-of-another": {"", "restore"},
	} {
		in := &cloudformation.CreateStackInput{StackName: &name, TemplateBody: aws.String(`{"Resources": {"W": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}`)}
		for i, value := range tags {
			if value != "" {
				in.Tags = append(in.Tags, cfntypes.Tag{Key: aws.String([]string{contract.TagEnvironment, contract.TagContentType}[i]), Value: &value})
			}
		}
		localaws.CreateStack(t, d.cfg, in)
		t.Cleanup(func() { d.delete(name) })
	}
	var got [][3]string
	for _, o := range d.orphans() {
		got = append(got, [3]string{o.Stack, o.Environment, strings.TrimSuffix(o.Why, " in "+d.config)})
	}
	want := [][3]string{
		{"renamed-lab-mail", "old-tier-lab", "no environment of this account and Region"},
		{"tier-gone-restore", "tier-gone", "no environment of this account and Region"},
		{"tier-gone-shared", "tier-gone", "no environment of this account and Region"},
		{"a-copy", "tier-lab", "no stack of this name"},
		{"tier-lab-old", "tier-lab", "no stack of this name"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("orphans (-want +got):\n%s", diff)
	}
}

func TestBadInputIsOneSentence(t *testing.T) {
	d := deploy(t, "lab", "mail")
	d.configure("lab", "mail", "export")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"retire", "mial"}, "there is no stack tier-lab-mial; deployed in environment lab are mail"},
		{[]string{"retire", "export"}, "export is in " + d.config + " but not deployed: there is no stack tier-lab-export, so that its entry can go"},
		{[]string{"retire", "shared"}, "stack tier-lab-shared is no content type of tier-lab: it lacks the tags that say so"},
		{[]string{"orphans", "-e", "prod"}, d.config + ":"},
	} {
		if status, out, said := d.tier("", c.args...); status != 1 || out != "" || !strings.HasPrefix(said, "tier: "+c.want) || strings.Count(said, "\n") != 1 {
			t.Errorf("tier %v: exit status %d\n got %q\nwant %q", c.args, status, said, c.want)
		}
	}
	text, err := os.ReadFile(d.config)
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.ReplaceAll(text, []byte(localaws.Account), []byte("111122223333"))
	if err := os.WriteFile(d.config, other, 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, said := d.tier("", "orphans"); status != 1 || said != "tier: the credentials are for account "+localaws.Account+", environment lab is in 111122223333: choose another AWS_PROFILE\n" {
		t.Errorf("exit status %d, %q", status, said)
	}
}
