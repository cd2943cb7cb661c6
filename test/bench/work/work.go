// Package work is the job of make bench. The worker's slots and its peers' goroutines run the same code, and
// note in one journal when they took up a job and when they were through with it.
package work

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// EnvJournal names the file that all processes of a run append to.
const EnvJournal = "BENCH_JOURNAL"

// Payload is a job: Steps pauses, one after the other.
type Payload struct {
	Sent  int64 `json:"sent"`  // when its producer began to send it, nanoseconds since 1970
	Steps int64 `json:"steps"` // at least 1
	Pause int64 `json:"pause"` // of each step, milliseconds
}

// Step does one step, or less where ctx ends first.
func (p Payload) Step(ctx context.Context) error {
	if p.Pause == 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(time.Duration(p.Pause) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var journal = sync.OnceValues(func() (*os.File, error) {
	return os.OpenFile(os.Getenv(EnvJournal), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
})

// Event is one line of the journal.
type Event struct {
	ID   string
	What What
	Sent time.Time // from the payload
	At   time.Time
	PID  int
}

// What happened to a job.
type What string

// The events of a job; one that goes on elsewhere begins again.
const (
	Begun What = "begun"
	Ended What = "ended"
)

// Note appends an event of now to the journal, in one write.
func Note(id string, what What, p Payload) error {
	f, err := journal()
	if err != nil {
		return fmt.Errorf("journal of the benchmark (%s): %w", EnvJournal, err)
	}
	_, err = fmt.Fprintf(f, "%s %s %d %d %d\n", id, what, p.Sent, time.Now().UnixNano(), os.Getpid())
	return err
}

// Read reads a journal; one that nobody has written to yet is empty.
func Read(path string) ([]Event, error) {
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var events []Event
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 5 || !strings.HasSuffix(line, "\n") {
			continue // being written
		}
		var numbers [3]int64
		for i := range numbers {
			if numbers[i], err = strconv.ParseInt(fields[2+i], 10, 64); err != nil {
				return nil, fmt.Errorf("journal %s: %w", path, err)
			}
		}
		events = append(events, Event{fields[0], What(fields[1]), time.Unix(0, numbers[0]), time.Unix(0, numbers[1]), int(numbers[2])})
	}
	return events, nil
}
