package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// race times two programs in turn, the first to start changing each round, so that whatever else the
// machine does is shared. One round before warms the caches of both and is not counted.
func (b *bench) race(ctx context.Context, rounds int, first, second func(out string) command) (costs, costs, error) {
	var results [2]costs
	programs := [2]func(string) command{first, second}
	for round := range rounds + 1 {
		for turn := range programs {
			which := (round + turn) % 2
			out := filepath.Join(b.dir, "out")
			if err := os.RemoveAll(out); err != nil {
				return costs{}, costs{}, err
			}
			one, err := programs[which](out).run(ctx)
			if err != nil {
				return costs{}, costs{}, err
			}
			if round > 0 {
				results[which].add(one)
			}
		}
		fmt.Fprintf(os.Stderr, "\rround %d of %d ", round, rounds)
	}
	fmt.Fprint(os.Stderr, "\r")
	return results[0], results[1], nil
}
