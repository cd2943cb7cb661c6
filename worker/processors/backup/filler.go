package backup

import (
	"context"
	"errors"
	"io"

	"github.com/worker-tier/worker-tier/worker/internal/snapshot"
)

// readTries is how often one file is tried before the job is: a connection may break in mid answer, which
// the SDK does not retry.
const readTries = 3

// place is a place in the walk.
type place struct {
	// After is the entry that was added last. If Offset is not 0, that entry is a file whose contents
	// from Offset on are missing, and Version is the version of it that is being read.
	After   snapshot.Path `json:"after,omitempty"`
	Offset  int64         `json:"offset,omitempty"`
	Version string        `json:"version,omitempty"`
}

// filler fills packs from a source. It is used by one goroutine.
type filler struct {
	source  source
	walk    walk
	at      place
	waiting *snapshot.Entry // the walk has given it, and it did not fit into the last pack
}

// batch is one pack and where the walk stands after it.
type batch struct {
	pack *snapshot.Pack
	at   place
	end  bool // nothing comes after it
	err  error
}

// fill fills a pack; it stops early, perhaps with an empty one, once enough is closed.
func (f *filler) fill(ctx context.Context, enough <-chan struct{}) batch {
	b := batch{pack: &snapshot.Pack{}}
	for !b.end && !b.pack.Full() && !isClosed(enough) {
		e, err := f.upcoming(ctx)
		if errors.Is(err, io.EOF) {
			b.end = true
			break
		}
		if err == nil && e.Kind == snapshot.File && !b.pack.Fits(e.Size-f.at.Offset) {
			f.waiting = &e
			break
		}
		if err == nil {
			err = f.add(ctx, b.pack, e)
		}
		if err != nil {
			return batch{err: err}
		}
		if f.at.Offset == 0 && b.pack.Cut() {
			break
		}
	}
	b.at = f.at
	b.pack.Seal()
	return b
}

// upcoming is the next entry to add: the file that is unfinished, or what the walk gives.
func (f *filler) upcoming(ctx context.Context) (snapshot.Entry, error) {
	if err := ctx.Err(); err != nil {
		return snapshot.Entry{}, err
	}
	if f.at.Offset > 0 {
		e, err := f.source.stat(ctx, f.at.After)
		if err != nil {
			e = snapshot.Entry{Path: f.at.After, Kind: snapshot.File}
			e.Problem, err = f.source.problem(err)
		} else if e.Kind != snapshot.File {
			e = snapshot.Entry{Path: f.at.After, Kind: snapshot.File, Problem: errChanged.Error()}
		}
		return e, err
	}
	if e := f.waiting; e != nil {
		f.waiting = nil
		return *e, nil
	}
	return f.walk.next(ctx)
}

// add adds an entry to a pack, with its contents from where the last pack ended.
func (f *filler) add(ctx context.Context, p *snapshot.Pack, e snapshot.Entry) error {
	from := f.at
	f.at = place{After: e.Path}
	if e.Kind != snapshot.File || e.Problem != "" {
		p.Add(e, from.Offset)
		return nil
	}
	for try := 1; ; try++ {
		err := f.addContents(ctx, p, e, from)
		if err == nil {
			return nil
		}
		problem, err := f.source.problem(err)
		if err == nil {
			e.Problem = problem
			p.Add(e, from.Offset)
			return nil
		}
		if try == readTries || ctx.Err() != nil {
			return err
		}
	}
}

// addContents adds nothing if it fails.
func (f *filler) addContents(ctx context.Context, p *snapshot.Pack, e snapshot.Entry, from place) error {
	c, err := f.source.open(ctx, e, from.Offset, from.Version)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	n, complete, err := p.AddFile(c.entry, from.Offset, c)
	switch {
	case err != nil:
		return err
	case !complete:
		f.at.Offset, f.at.Version = from.Offset+n, c.version
	case c.changed():
		p.Note(errChanged.Error())
	}
	return nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
