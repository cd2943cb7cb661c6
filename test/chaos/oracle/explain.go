package oracle

import (
	"maps"
	"slices"
)

// step is a write that was applied.
type step struct {
	write
	before, after Item
	unexplained   bool // it was accepted, but its conditions do not hold on any item that the traffic can have left
}

// path is one way in which a job's writes can have been applied. A write without an answer was applied
// or not, so there can be several.
type path struct {
	item  Item
	steps []step
}

func (p path) then(w write, after Item, unexplained bool) path {
	return path{after, append(slices.Clip(p.steps), step{w, p.item, after, unexplained})}
}

// mostPaths bounds the ways that are followed for one job; a run has a handful of unanswered writes.
const mostPaths = 64

// explain returns the ways in which a job's writes, in their order, can have been applied, so that each
// accepted one was allowed and left what was answered, and each refused one was not allowed.
func explain(writes []write) []path {
	paths := []path{{}}
	for _, w := range writes {
		var next []path
		for _, p := range paths {
			allowed := w.allowed(p.item)
			switch w.outcome {
			case accepted:
				if after := w.apply(p.item); allowed && maps.Equal(after, w.after) {
					next = append(next, p.then(w, after, false))
				}
			case refused:
				if !allowed || w.Code != "ConditionalCheckFailedException" {
					next = append(next, p)
				}
			case unknown:
				next = append(next, p)
				if allowed && len(paths) < mostPaths {
					next = append(next, p.then(w, w.apply(p.item), false))
				}
			}
		}
		if len(next) == 0 && w.outcome == refused {
			continue // nothing was changed by it, and what was before shows with the next accepted one
		}
		if len(next) == 0 {
			next = []path{paths[0].then(w, w.after, true)}
		}
		paths = next
	}
	return paths
}
