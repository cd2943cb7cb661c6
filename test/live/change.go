package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/test/localtier"
)

// change is one change of the tier.
type change struct {
	name string
	edit func(ctx context.Context, l *live) error
	// differs are the stacks in which cdk diff is to show a difference, by the end of their names; rolls are those of the pools that are to be
	// rolled, which is what their diff announces.
	differs, rolls []string
	shows          []string // what the diff is to hold, word by word
	moves          bool     // instances may be replaced without a roll: their zone is gone, or a roll was rolled back
	announces      []string // pools whose diff shows a roll, if they are others than those that are rolled
	// make does it; nil: cdk deploy --all.
	make func(ctx context.Context, l *live) error
	// check looks at what was made, and says what it saw.
	check func(ctx context.Context, l *live, before, after look) (string, error)
}

// part is a part of the tier's life, which leaves the configuration as the next one expects it.
type part struct {
	name    string
	changes []change
}

func partNames() []string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

// make makes a change and prints its line. The error is one that leaves the rest without a meaning.
func (l *live) make(ctx context.Context, c change) error {
	begin := time.Now()
	r := result{Change: c.name}
	wrong, err := l.try(ctx, c, &r)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	r.Announced, r.Seconds = wrong == nil, time.Since(begin).Seconds()
	if wrong != nil {
		r.Seen = wrong.Error()
	}
	l.results = append(l.results, r)
	verdict := map[bool]string{true: "OK  ", false: "FAIL"}[r.Announced]
	fmt.Fprintf(l.out, "%s %s; cdk diff: %s; rolled: %s", verdict, c.name, orNone(r.Diff, "no differences", "; "), orNone(r.Rolled, "none", ", "))
	if r.Seen != "" {
		fmt.Fprintf(l.out, "; %s", r.Seen)
	}
	fmt.Fprintf(l.out, " (%.1f s)\n", r.Seconds)
	return nil
}

func orNone(values []string, none, separator string) string {
	if len(values) == 0 {
		return none
	}
	return strings.Join(values, separator)
}

// try makes a change. It says what was not as announced, or, as its second error, why nothing can be said.
func (l *live) try(ctx context.Context, c change, r *result) (wrong, err error) {
	if err := c.edit(ctx, l); err != nil {
		return nil, err
	}
	parts, err := l.cdk.Differences(ctx)
	if err != nil {
		return nil, err
	}
	before, err := l.settled(ctx)
	if err != nil {
		return nil, err
	}
	deploy := c.make
	if deploy == nil {
		deploy = func(ctx context.Context, l *live) error { return l.cdk.DeployDiffed(ctx, "--all") }
	}
	failed := deploy(ctx, l)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	after, err := l.settled(ctx)
	if err != nil {
		return nil, errors.Join(failed, err)
	}
	var unequal error
	r.Rolled, unequal = rolled(before.pools, after.pools, c.moves)
	wrong = errors.Join(failed, unequal, l.compare(c, parts, r))
	if wrong == nil && c.check != nil {
		r.Seen, wrong = c.check(ctx, l, before, after)
	}
	return wrong, nil
}

// compare compares what the diff had shown with what was rolled, and both with what the change is to do.
func (l *live) compare(c change, parts []localtier.Difference, r *result) error {
	var differs, announced []string
	var text strings.Builder
	for _, p := range parts {
		if p.Text == "" {
			continue
		}
		name := strings.TrimPrefix(p.Stack, tierName+"-"+environment+"-")
		differs = append(differs, name)
		r.Diff = append(r.Diff, name+": "+strings.Join(p.Resources(), ", "))
		if slices.Contains(p.Resources(), "LaunchTemplate") && !strings.Contains(p.Text, "[+] AWS::EC2::LaunchTemplate") {
			announced = append(announced, name)
		}
		text.WriteString(p.Text)
	}
	slices.Sort(differs)
	slices.Sort(announced)
	announces := c.announces
	if announces == nil {
		announces = c.rolls
	}
	var wrong []error
	for _, pair := range []struct {
		what      string
		want, got []string
	}{
		{"stacks that differ", c.differs, differs}, {"pools whose diff shows a roll", announces, announced}, {"pools that were rolled", c.rolls, r.Rolled},
	} {
		if want := slices.Sorted(slices.Values(pair.want)); !slices.Equal(want, pair.got) {
			wrong = append(wrong, fmt.Errorf("%s: %s; want %s", pair.what, orNone(pair.got, "none", ", "), orNone(pair.want, "none", ", ")))
		}
	}
	for _, words := range c.shows {
		if !strings.Contains(text.String(), words) {
			wrong = append(wrong, fmt.Errorf("the diff does not hold %q", words))
		}
	}
	return errors.Join(wrong...)
}
