package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/test/chaos/oracle"
	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
)

// errViolated says that something is not zero that must be; it is printed.
var errViolated = errors.New("something must be zero and is not")

// journalFile lists every write to the job table in the order in which it was applied.
const journalFile = "writes.jsonl"

// summary is the result of a run.
type summary struct {
	Kills   int              `json:"kills"`
	Jobs    int              `json:"jobs"`
	Lost    []oracle.Finding `json:"lost"`
	Dead    []oracle.Finding `json:"dead"`
	Stale   []oracle.Finding `json:"staleWritesAccepted"`
	Corrupt []oracle.Finding `json:"corruptOutputs"`
	Burned  []oracle.Finding `json:"burnedAttemptsByDrain"`
	Redone  oracle.Redone    `json:"redoneMost"`

	Seed      uint64         `json:"seed"`
	ByKind    map[string]int `json:"killsByKind"`
	ByFault   map[string]int `json:"faultsThatHeal"`
	Outages   int            `json:"outagesOfTheEndpoint"`
	Faults    map[string]int `json:"faultsOfTheNetwork"`
	Writes    int            `json:"writes"`
	Refused   int            `json:"writesRefused"`
	Claims    int            `json:"claims"`
	Reaps     int            `json:"reaps"`
	Drains    int            `json:"drainedHandbacks"`
	Orphans   int            `json:"claimsOfWhoHadGivenUp"`
	Rung      int            `json:"rungByHand"`
	Problems  []string       `json:"problems"`
	Journal   string         `json:"journal"`
	Instances string         `json:"instances"`
	Seconds   float64        `json:"seconds"`
}

// judge hands what was recorded and what was found to the oracle, and prints what it says.
func (c *chaos) judge(ctx context.Context) error {
	records := c.records()
	journal := filepath.Join(c.dir, journalFile)
	if err := writeJournal(journal, records); err != nil {
		return err
	}
	facts := oracle.Facts{Operator: operator, Lease: c.lease(), Stops: c.stops, Fails: []string{downstreamReason, slotKilled}}
	if err := writeJSON(filepath.Join(c.dir, "facts.json"), facts); err != nil {
		return err
	}
	c.say("judging %d writes and the outputs of %d jobs", len(records), len(c.jobs.list()))
	verdict, err := oracle.Judge(records, facts)
	if err != nil {
		return fmt.Errorf("%w (journal: %s)", err, journal)
	}
	ended, err := c.ended(ctx)
	if err != nil {
		return err
	}
	lost, dead, corrupt := verdict.Compare(ended)
	s := summary{
		Kills: c.kills, Jobs: len(ended), Lost: listed(lost), Dead: listed(dead), Stale: listed(verdict.Stale), Corrupt: listed(corrupt), Burned: listed(verdict.Burned), Redone: verdict.Redone,
		Seed: c.seed, ByKind: c.byKind, ByFault: c.byFault, Outages: c.outages, Faults: c.network.Counts(), Writes: verdict.Writes, Refused: verdict.Refused,
		Claims: verdict.Claims, Reaps: verdict.Reaps, Drains: verdict.Drains, Orphans: verdict.Orphans, Rung: c.rung, Problems: listed(c.problems),
		Journal: journal, Instances: filepath.Join(c.dir, "instances"), Seconds: time.Since(c.begin).Round(100 * time.Millisecond).Seconds(),
	}
	return c.report(s)
}

// listed makes an empty list of none, which JSON writes as [].
func listed[T any](list []T) []T { return append([]T{}, list...) }

// records are all writes that reached the table, or may have.
func (c *chaos) records() []oracle.Record {
	var out []oracle.Record
	take := func(instance string, p *awsproxy.Proxy) {
		for _, r := range p.Requests(func(r awsproxy.Request) bool { return r.Order > 0 }) {
			out = append(out, oracle.NewRecord(instance, r))
		}
	}
	take(operator, c.operator)
	for _, i := range c.Launcher.All() {
		take(i.ID, i.AWS)
	}
	slices.SortFunc(out, func(a, b oracle.Record) int { return cmp.Compare(a.Order, b.Order) })
	return out
}

func writeJournal(name string, records []oracle.Record) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(file)
	lines := json.NewEncoder(buffered)
	for _, r := range records {
		if err := lines.Encode(r); err != nil {
			return err
		}
	}
	return errors.Join(buffered.Flush(), file.Close())
}

func writeJSON(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}

func (c *chaos) report(s summary) error {
	for _, part := range []struct {
		name     string
		findings []oracle.Finding
	}{{"lost", s.Lost}, {"dead", s.Dead}, {"stale write accepted", s.Stale}, {"corrupt output", s.Corrupt}, {"attempt burned by a drain", s.Burned}} {
		for _, f := range part.findings {
			fmt.Fprintf(c.out, "VIOLATION %s: %s\n", part.name, f)
		}
	}
	for _, p := range s.Problems {
		fmt.Fprintln(c.out, "PROBLEM", p)
	}
	violated := len(s.Lost)+len(s.Dead)+len(s.Stale)+len(s.Corrupt)+len(s.Burned)+len(s.Problems) > 0
	if violated {
		fmt.Fprintf(c.out, "every write in order: %s; each instance's log (%s) and requests (%s): %s; make chaos KILLS=%d SEED=%d makes the same choices\n",
			s.Journal, localec2.LogFile, localec2.RequestsFile, s.Instances, s.Kills, s.Seed)
	}
	fmt.Fprintf(c.out, "%s; healed faults: %s; %d outages of the endpoint; network: %s\n", counted(s.ByKind), counted(s.ByFault), s.Outages, counted(s.Faults))
	fmt.Fprintf(c.out, "%d writes to jobs, %d of them refused; %d claims, %d of them applied after the claimer had given up or died; %d reaps, %d drained handbacks; %d jobs rung by hand; took %.1f s\n",
		s.Writes, s.Refused, s.Claims, s.Orphans, s.Reaps, s.Drains, s.Rung, s.Seconds)
	fmt.Fprintf(c.out, "the most work done again: %s: %s\n", s.Redone.Job, s.Redone.What)
	fmt.Fprintf(c.out, "chaos: kills=%d jobs=%d lost=%d dead=%d stale_writes_accepted=%d corrupt_outputs=%d burned_attempts_by_drain=%d redone_seconds_max=%.1f\n",
		s.Kills, s.Jobs, len(s.Lost), len(s.Dead), len(s.Stale), len(s.Corrupt), len(s.Burned), s.Redone.Time.Seconds())
	if c.json {
		if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
			return err
		}
	}
	if violated {
		return errViolated
	}
	return nil
}

func counted(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d × %s", counts[name], name))
	}
	return strings.Join(parts, ", ")
}
