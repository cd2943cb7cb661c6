package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/worker-tier/worker-tier/test/outputs"
)

// snapshot opens the snapshot of a finished backup.
func (d *demo) snapshot(ctx context.Context, id string) (*outputs.Snapshot, error) {
	r, err := d.tier.Job(ctx, "backup", id)
	if err != nil {
		return nil, err
	}
	s, err := d.tier.Artifacts.Open(ctx, r.Cursor)
	if err != nil {
		return nil, fmt.Errorf("backup %s: %w", id, err)
	}
	return s, nil
}

// verifyAll compares each finished backup with the tree.
func (d *demo) verifyAll(ctx context.Context) (string, error) {
	if len(d.snapshots) == 0 {
		return "", errors.New("no backup was finished")
	}
	var amount outputs.Amount
	for _, id := range d.snapshots {
		s, err := d.snapshot(ctx, id)
		if err != nil {
			return "", err
		}
		if amount, err = d.tier.Artifacts.Verify(ctx, s, d.tree); err != nil {
			return "", fmt.Errorf("backup %s: %w", id, err)
		}
	}
	return fmt.Sprintf("%s: %d files with %s each, read back from S3 by a reader of its own", strings.Join(d.snapshots, ", "), amount.Files, size(amount.Bytes)), nil
}
