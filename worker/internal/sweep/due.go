package sweep

import (
	"context"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// Index is the due index of a job table.
type Index interface {
	Due(ctx context.Context, partition, from, to string) ([]string, error)
	BatchGet(ctx context.Context, keys []string) ([]job.Item, error)
}

// Jobs reads the jobs of a content type that stand between two sort keys of the due index, both
// included, in any order. Items that cannot be read are handed to unreadable. The table is never scanned.
func Jobs(ctx context.Context, index Index, contentType, from, to string, unreadable func(error)) ([]job.Job, error) {
	var keys []string
	for shard := range contract.DueShards {
		page, err := index.Due(ctx, job.DuePartition(contentType, shard), from, to)
		if err != nil {
			return nil, err
		}
		keys = append(keys, page...)
	}
	items, err := index.BatchGet(ctx, keys)
	if err != nil {
		return nil, err
	}
	jobs := make([]job.Job, 0, len(items))
	for _, item := range items {
		j, err := job.FromItem(item)
		if err != nil {
			unreadable(err)
			continue
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}
