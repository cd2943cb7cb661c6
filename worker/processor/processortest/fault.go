package processortest

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Operation is a call of [Artifacts].
type Operation string

// The operations of [processor.Artifacts] and [processor.Upload].
const (
	Put      Operation = "put"
	Open     Operation = "open"
	List     Operation = "list"
	Upload   Operation = "upload"
	Part     Operation = "part"
	Complete Operation = "complete"
)

// Call is one call of [Artifacts].
type Call struct {
	Operation Operation
	Key       string // or prefix
	Number    int    // of the call, from 1
}

// Fault is the trouble of one call. The zero value is none.
type Fault struct {
	Slow    time.Duration // the call, or each read of its content, takes so much longer, or until its context ends
	Refused error         // the call does nothing and fails with this
	Lost    error         // the call is done, and fails with this: its answer was lost
	Cut     int           // of Open: the content ends with an error after so many bytes, if it has more; 0: it does not
}

// call does one call with its trouble.
func (a *Artifacts) call(ctx context.Context, op Operation, key string, do func() error) error {
	_, err := a.trouble(ctx, op, key, do)
	return err
}

// trouble is call for an answer whose content has the rest of the trouble.
func (a *Artifacts) trouble(ctx context.Context, op Operation, key string, do func() error) (Fault, error) {
	fault := a.fault(op, key)
	if err := fault.wait(ctx); err != nil {
		return fault, fmt.Errorf("%s %s: %w", op, key, err)
	}
	if fault.Refused != nil {
		return fault, fmt.Errorf("%s %s: %w", op, key, fault.Refused)
	}
	a.mu.Lock()
	err := do()
	a.mu.Unlock()
	if err == nil && fault.Lost != nil {
		err = fmt.Errorf("%s %s: %w", op, key, fault.Lost)
	}
	return fault, err
}

func (a *Artifacts) fault(op Operation, key string) Fault {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	if a.Faults == nil {
		return Fault{}
	}
	return a.Faults(Call{op, key, a.calls})
}

func (f Fault) wait(ctx context.Context) error {
	if f.Slow > 0 {
		select {
		case <-time.After(f.Slow):
		case <-ctx.Done():
		}
	}
	return context.Cause(ctx)
}

// content reads what Open found.
type content struct {
	ctx   context.Context // of the Open, as a request's answer ends with it
	rest  []byte
	read  int
	fault Fault
}

func (c *content) Read(into []byte) (int, error) {
	if err := c.fault.wait(c.ctx); err != nil {
		return 0, err
	}
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	if c.fault.Cut > 0 {
		if c.read == c.fault.Cut {
			return 0, io.ErrUnexpectedEOF
		}
		into = into[:min(len(into), c.fault.Cut-c.read)]
	}
	n := copy(into, c.rest)
	c.rest, c.read = c.rest[n:], c.read+n
	return n, nil
}

func (c *content) Close() error { return nil }
