package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// errClaims says that not all claims hold; they are printed.
var errClaims = errors.New("not all claims hold")

// claim is something the demo shows.
type claim struct {
	text string
	// check does what the claim is about and returns what was seen. An error says why it does not hold.
	check func(context.Context) (seen string, err error)
	// vital: the claims after it cannot be checked if it does not hold.
	vital bool
	// always: it is checked whatever came before.
	always bool
}

// ledger checks claims and keeps count.
type ledger struct {
	out     io.Writer
	logs    string // where to look when a claim does not hold
	checked int
	held    int
	broken  bool // a vital claim did not hold
}

// checkAll checks claims in order, until ctx ends.
func (l *ledger) checkAll(ctx context.Context, claims []claim) {
	for _, c := range claims {
		if ctx.Err() == nil {
			l.check(ctx, c)
		}
	}
}

func (l *ledger) check(ctx context.Context, c claim) {
	start := time.Now()
	l.checked++
	seen, err := "", errors.New("not checked: an earlier claim that it builds on does not hold")
	if !l.broken || c.always {
		seen, err = c.check(ctx)
	}
	if ctx.Err() != nil {
		return // interrupted: nothing was shown
	}
	took := time.Since(start).Round(100 * time.Millisecond)
	if err == nil {
		l.held++
		fmt.Fprintf(l.out, "PASS %s: %s (%s)\n", c.text, seen, took)
		return
	}
	fmt.Fprintf(l.out, "FAIL %s: %v (%s; logs: %s)\n", c.text, err, took, l.logs)
	l.broken = l.broken || c.vital
}

// total prints the last line.
func (l *ledger) total() error {
	fmt.Fprintf(l.out, "demo: %d/%d claims hold\n", l.held, l.checked)
	if l.held < l.checked {
		return errClaims
	}
	return nil
}
