package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/test/chaos/oracle"
	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
)

// TestChainOfOtherLengthOrHashIsCorrupt: a step that was left out, or counted twice, must show.
func TestChainOfOtherLengthOrHashIsCorrupt(t *testing.T) {
	chain := func(word string, links int) string {
		hash := ""
		for range links {
			sum := sha256.Sum256([]byte(word + hash))
			hash = hex.EncodeToString(sum[:])
		}
		return hash
	}
	cursor := func(links int, hash string) string { return fmt.Sprintf(`{"links":%d,"hash":"%s"}`, links, hash) }
	for name, c := range map[string]struct {
		cursor string
		good   bool
	}{
		"whole":              {cursor(chainLinks, chain("job-1", chainLinks)), true},
		"a link left out":    {cursor(chainLinks, chain("job-1", chainLinks-1)), false},
		"a link too many":    {cursor(chainLinks, chain("job-1", chainLinks+1)), false},
		"too short":          {cursor(chainLinks-1, chain("job-1", chainLinks-1)), false},
		"another job's":      {cursor(chainLinks, chain("job-2", chainLinks)), false},
		"no cursor":          {"", false},
		"something else yet": {`[]`, false},
	} {
		if err := verifyChain(c.cursor, "job-1"); (err == nil) != c.good {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestConfigOfTheChaos: both architectures have their environment, and network faults outlive a lease.
func TestConfigOfTheChaos(t *testing.T) {
	for _, environment := range []string{"amd64", "arm64"} {
		tier, _, err := config.Load("worker-tier.yaml", environment)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range tier.ContentTypes {
			if waiting[c.Name] == 0 {
				t.Errorf("%s: no jobs of content type %s are submitted", environment, c.Name)
			}
			if network.DelayMost <= c.Job.Lease {
				t.Errorf("%s: nothing is delayed by more than a lease (%s)", environment, c.Job.Lease)
			}
		}
		if len(tier.ContentTypes) != len(waiting) {
			t.Errorf("%s: %d content types, jobs of %d", environment, len(tier.ContentTypes), len(waiting))
		}
	}
}

func TestReportEndsWithOneLineAndFailsOnAnyViolation(t *testing.T) {
	var said strings.Builder
	c := newChaos(options{kills: 3, seed: 7})
	c.out, c.network = &said, awsproxy.NewNetwork(awsproxy.Faults{})
	good := summary{Kills: 3, Jobs: 5}
	good.Redone.Time = 1200 * time.Millisecond
	if err := c.report(good); err != nil {
		t.Error(err)
	}
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	const want = "chaos: kills=3 jobs=5 lost=0 dead=0 stale_writes_accepted=0 corrupt_outputs=0 burned_attempts_by_drain=0 redone_seconds_max=1.2"
	if last := lines[len(lines)-1]; last != want {
		t.Errorf("the last line is %q, want %q", last, want)
	}
	for name, bad := range map[string]summary{
		"lost": {Lost: finding("gone")}, "dead": {Dead: finding("gave up")}, "stale": {Stale: finding("late")}, "corrupt": {Corrupt: finding("other bytes")},
		"burned": {Burned: finding("failed")}, "problem": {Problems: []string{"a drain that does not end"}},
	} {
		said.Reset()
		bad.Journal = "journal-of-this-run"
		if err := c.report(bad); err == nil || !strings.Contains(said.String(), "journal-of-this-run") {
			t.Errorf("%s: error %v and report %s, want a failure that says where the journal is", name, err, said.String())
		}
	}
}

func TestParentOfAProcess(t *testing.T) {
	if parent, err := parentOf(os.Getpid()); err != nil || parent != os.Getppid() {
		t.Errorf("parent %d (%v), want %d", parent, err, os.Getppid())
	}
}

func finding(what string) []oracle.Finding { return []oracle.Finding{{Job: "chain#job-1", What: what}} }
