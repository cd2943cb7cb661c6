package snapshot

import (
	"errors"
	"hash/fnv"
	"io"
	"slices"
)

// A pack is closed after a file at which a hash of the path has no bit of cutMask, once it has minCut
// bytes. So two snapshots cut at the same files again soon after a file that only one of them has, and
// share the packs in between.
const (
	minCut  = 1 << 20
	cutMask = 1<<4 - 1
)

// Pack gathers the contents and the entries of one segment.
type Pack struct {
	content []byte
	pieces  []piece
	stored  []byte
	hash    Hash
}

// Empty says whether the pack has no entries.
func (p *Pack) Empty() bool { return len(p.pieces) == 0 }

// Size is the number of bytes of content.
func (p *Pack) Size() int { return len(p.content) }

// Fits says whether the contents of a file of that size go into the pack. One that fits into no pack
// begins a new one, so that its pieces do not depend on what is before it.
func (p *Pack) Fits(size int64) bool {
	return len(p.content) == 0 || int64(len(p.content))+size <= MaxPack
}

// Full says whether the pack must be closed whatever comes.
func (p *Pack) Full() bool { return len(p.content) >= MaxPack || len(p.pieces) >= MaxEntries }

// Cut says whether the pack should be closed after what was added last.
func (p *Pack) Cut() bool {
	if p.Full() {
		return true
	}
	if len(p.content) < minCut {
		return false
	}
	last := p.pieces[len(p.pieces)-1]
	h := fnv.New32a()
	_, _ = h.Write([]byte(last.Path)) // never fails
	return last.Offset > 0 || h.Sum32()&cutMask == 0
}

// Add adds an entry that has no contents, or none after offset.
func (p *Pack) Add(e Entry, offset int64) {
	p.pieces = append(p.pieces, piece{Entry: e, Offset: offset})
}

// AddFile adds an entry with its contents from offset on: what the pack has room for, at most up to
// e.Size. It returns the number of bytes added; complete is false if the rest is for the next pack. After
// an error nothing was added.
func (p *Pack) AddFile(e Entry, offset int64, from io.Reader) (n int64, complete bool, err error) {
	at := len(p.content)
	want := int(max(0, min(e.Size-offset, int64(MaxPack-at))))
	p.content = slices.Grow(p.content, want)
	length, err := io.ReadFull(from, p.content[at:at+want])
	ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !ended {
		return 0, false, err
	}
	if ended {
		e.Problem = "became shorter while it was read"
	}
	p.content = p.content[:at+length]
	n = int64(length)
	complete = ended || offset+n >= e.Size
	p.pieces = append(p.pieces, piece{Entry: e, Offset: offset, At: at, Length: length, More: !complete})
	return n, complete, nil
}

// Note adds a problem to the entry added last.
func (p *Pack) Note(problem string) {
	last := &p.pieces[len(p.pieces)-1]
	if last.Problem == "" {
		last.Problem = problem
	}
}

// Problems are the problems of the pack's entries.
func (p *Pack) Problems() map[Path]string {
	problems := map[Path]string{}
	for _, e := range p.pieces {
		if e.Problem != "" {
			problems[e.Path] = e.Problem
		}
	}
	return problems
}

// Seal compresses the contents; nothing can be added any more.
func (p *Pack) Seal() {
	if len(p.content) == 0 {
		return
	}
	p.stored = compress(p.content)
	p.hash = hashOf(p.stored)
}

// counts counts what the pack adds to a snapshot; a file counts where it ends.
func (p *Pack) counts() Counts {
	c := Counts{Bytes: int64(len(p.content))}
	for _, e := range p.pieces {
		if !e.More {
			c.Entries++
		}
		if e.Problem != "" {
			c.Problems++
		}
	}
	return c
}
