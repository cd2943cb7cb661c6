package worker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// TestErasingATenant: its running job stops, nothing of its jobs is left in table and bucket, and another tenant's job goes on.
func TestErasingATenant(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "erase", steady)
	tr.start()
	secret := `"` + strings.Repeat("secret ", 300) + `"`
	for _, tenant := range []string{"acme", "other"} {
		tr.must("submit", "--id", tenant+"-1", "--tenant", tenant, "--payload", secret)
		await(t, "the job of "+tenant+" runs", func() bool { return tr.show(tenant+"-1").Done > 0 })
	}
	tr.must("submit", "--id", "acme-2", "--tenant", "acme", "--payload", secret)
	erase := func(args ...string) (stdout, stderr string, code int) {
		return tr.operate(append([]string{"jobs", "erase", "--tenant", "acme"}, args...)...)
	}
	if stdout, stderr, code := erase("--dry-run"); code != 0 || !strings.Contains(stdout, "tenant acme has 2 jobs in backup: 1 RUNNING, 1 READY; nothing was changed") {
		t.Errorf("a dry run: exit %d, %s%s", code, stdout, stderr)
	}
	if _, stderr, code := erase(); code != 1 || !strings.Contains(stderr, "--yes") {
		t.Errorf("without a person to ask: exit %d, %s", code, stderr)
	}
	if got := tr.show("acme-1"); got.State != "RUNNING" {
		t.Fatalf("before it was confirmed the job is %s", got.State)
	}
	stdout, stderr, code := erase("--yes", "--json")
	view := parse[struct {
		Found           map[string]int
		Erased, Objects int
		Left            []any
	}](t, stdout)
	if code != 0 || view.Erased != 2 || len(view.Left) != 0 || fmt.Sprint(view.Found) != "map[READY:1 RUNNING:1]" {
		t.Errorf("exit %d, %s%s", code, stdout, stderr)
	}
	for _, id := range []string{"acme-1", "acme-2"} {
		if text := tr.must("jobs", "show", id, "--json"); strings.Contains(text, "secret") || strings.Contains(text, `"acme"`) || !strings.Contains(text, `"CANCELLED"`) {
			t.Errorf("%s is %s", id, text)
		}
	}
	out, err := s3.NewFromConfig(tr.aws).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &tr.settings.ArtifactsBucket})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Contents) != 1 || !strings.Contains(*out.Contents[0].Key, "other-1") {
		t.Errorf("%d objects are left, want the payload of the other tenant's job", len(out.Contents))
	}
	if other := tr.show("other-1"); other.State != "RUNNING" || other.Epoch != 1 {
		t.Errorf("the other tenant's job: %+v", other)
	}
}
