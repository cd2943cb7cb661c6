// Package vitals finds out whether the loops of a worker still turn.
package vitals

import (
	"sync"
	"time"
)

// Deadlines are when each loop has promised to show up again. The zero value is ready; a nil one takes no promises.
type Deadlines struct {
	mu  sync.Mutex
	due map[string]time.Time
}

// Within promises that a loop shows up here again within that time. It is called before everything that takes time, with
// the bound of that and slack: waiting for AWS, bounded as each call is, keeps a promise; a loop that hangs breaks it.
func (d *Deadlines) Within(loop string, in time.Duration) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.due == nil {
		d.due = map[string]time.Time{}
	}
	d.due[loop] = time.Now().Add(in)
}

// Rest takes back what a loop has promised: it has ended, or has nothing to do.
func (d *Deadlines) Rest(loop string) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.due, loop)
}

// Late is the loop that is over its promise by most, and by how much; "": all turn.
func (d *Deadlines) Late() (loop string, by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, due := range d.due {
		if late := time.Since(due); late > by {
			loop, by = name, late
		}
	}
	return loop, by
}
