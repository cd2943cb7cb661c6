package simulate

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadJobs(t *testing.T) {
	got, err := ReadJobs("jobs.csv", strings.NewReader("submit,seconds,cpu\n# a comment\n\n60, 300\n0,12.5,100\n"), 40)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Job{{0, 12.5, 100}, {60, 300, 40}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestABadLineIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"0,1\n5\n":         "jobs.csv:2: 1 fields, want submit,seconds or submit,seconds,cpu",
		"0,1,2,3\n":        "jobs.csv:1: 4 fields, want submit,seconds or submit,seconds,cpu",
		"0,1\n\nx,1\n":     `jobs.csv:3: submit is "x", want a number from 0 to 6.3072e+07`,
		"0,-1\n":           `jobs.csv:1: seconds is "-1", want a number from 0 to 6.3072e+07`,
		"0,NaN\n":          `jobs.csv:1: seconds is "NaN", want a number from 0 to 6.3072e+07`,
		"0,1,101\n":        `jobs.csv:1: cpu is "101", want a number from 0 to 100`,
		"submit,seconds\n": "jobs.csv: it has no job",
	} {
		_, err := ReadJobs("jobs.csv", strings.NewReader(text), 40)
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestDrawnLoads(t *testing.T) {
	const spec = "poisson 200/h, 40m lognormal 0.8; burst 1000 at 06:30, 5m"
	jobs, err := Draw(spec, 1, 100*time.Hour, 25)
	if err != nil {
		t.Fatal(err)
	}
	total, drawn, together := 0.0, 0, 0
	for i, j := range jobs {
		if i > 0 && j.Submit < jobs[i-1].Submit || j.Submit >= 100*3600 || j.CPU != 25 {
			t.Fatalf("job %d: %+v", i, j)
		}
		if j.Submit == 6.5*3600 && j.Seconds == 300 {
			together++
			continue
		}
		drawn++
		total += j.Seconds
	}
	if together != 1000 || math.Abs(float64(drawn)-20_000) > 600 {
		t.Errorf("%d in the burst and %d others, want 1000 and about 20000", together, drawn)
	}
	if mean := total / float64(drawn); math.Abs(mean-2400) > 100 {
		t.Errorf("mean %v s, want about 2400", mean)
	}
	again, _ := Draw(spec, 1, 100*time.Hour, 25)
	if diff := cmp.Diff(jobs, again); diff != "" {
		t.Errorf("the same seed drew other jobs: %s", diff)
	}
	if other, _ := Draw(spec, 2, 100*time.Hour, 25); cmp.Equal(jobs, other) {
		t.Error("another seed drew the same jobs")
	}
}

func TestALoadThatIsNone(t *testing.T) {
	for _, spec := range []string{
		"", "poisson", "poisson 20, 5m", "poisson -1/h, 5m", "poisson 20/h", "poisson 20/h, 5", "poisson 20/h, 5m normal 1", "poisson 20/h, 5m lognormal 0",
		"poisson 1e9/h, 5m", "burst 5, 5m", "burst x at 06:00, 5m", "burst 0 at 06:00, 5m", "burst 5 at 25:00, 5m", "poisson 20/h, 5m; x",
	} {
		if _, err := Draw(spec, 1, time.Hour, 50); err == nil || !strings.HasPrefix(err.Error(), "--load: ") {
			t.Errorf("%q: error %v", spec, err)
		}
	}
}
