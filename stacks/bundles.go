package stacks

import (
	"context"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/tierspec"
)

// Bundles are what instances fetch, one for each architecture in use.
type Bundles map[tierspec.Architecture]bundle.Bundle

// BuildBundles makes the bundles that a tier's content types need. It needs no Node process, so that it
// can run while one starts.
func BuildBundles(ctx context.Context, tier *tierspec.Tier) (Bundles, error) {
	bundles := Bundles{}
	for _, t := range tier.ContentTypes {
		if _, made := bundles[t.Architecture]; made {
			continue
		}
		built, err := bundle.Build(ctx, bundle.Props{
			Dir:          tier.Dir,
			Worker:       tier.Worker,
			Architecture: bundle.Architecture(t.Architecture.GOARCH()),
		})
		if err != nil {
			return nil, err
		}
		bundles[t.Architecture] = built
	}
	return bundles, nil
}
