// Package vitals knows whether the loops of a worker still turn.
package vitals

import (
	"sync"
	"time"
)

// Board holds what each loop has promised. The zero value is ready; a nil board takes promises from nobody.
type Board struct {
	mu  sync.Mutex
	due map[string]time.Time
}

// Within promises that a loop shows up here again within d. It is called before everything that takes time, with
// the bound of that and slack: waiting for AWS, bounded as each call is, keeps a promise; a loop that hangs breaks it.
func (b *Board) Within(loop string, d time.Duration) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.due == nil {
		b.due = map[string]time.Time{}
	}
	b.due[loop] = time.Now().Add(d)
}

// Rest takes back what a loop has promised: it has ended, or has nothing to do.
func (b *Board) Rest(loop string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.due, loop)
}

// Late is the loop that is over its promise by most, and by how much; "": all turn.
func (b *Board) Late() (loop string, by time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, due := range b.due {
		if late := time.Since(due); late > by {
			loop, by = name, late
		}
	}
	return loop, by
}
