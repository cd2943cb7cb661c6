package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Snapshot is a finished snapshot to read from.
type Snapshot struct {
	Manifest

	objects     Objects
	contentType string
	pack        Hash // of content: what was read last is often read next
	content     []byte
}

// Stored is an entry with the place of its contents.
type Stored struct {
	Entry
	Length int64 // bytes of contents; less than Size if a problem cut them short
	parts  []part
}

type part struct {
	pack       packRef
	at, length int
}

// Open opens the snapshot whose manifest has that key; the cursor of a finished job names it. A
// Snapshot is not safe for use by several goroutines.
func Open(ctx context.Context, objects Objects, key string) (*Snapshot, error) {
	contentType, _, found := strings.Cut(key, "/snapshots/")
	if !found {
		return nil, fmt.Errorf("%s is not the key of a snapshot's manifest (<contentType>/snapshots/<jobId>/<epoch>.json)", key)
	}
	text, err := objects.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{objects: objects, contentType: contentType}
	if err := json.Unmarshal(text, &s.Manifest); err != nil {
		return nil, fmt.Errorf("manifest %s: %w", key, err)
	}
	return s, checkFormat("manifest "+key, s.Format)
}

// Newest is the key of the manifest with the highest epoch of a job. All of a job's manifests are
// complete; this is for readers that cannot ask the job's record, which names the one that counts.
func Newest(ctx context.Context, objects Objects, contentType, job string) (string, error) {
	prefix := manifestPrefix(contentType, job)
	keys, err := objects.List(ctx, prefix)
	if err != nil {
		return "", err
	}
	var newest int64
	for _, key := range keys {
		name := strings.TrimSuffix(strings.TrimPrefix(key, prefix), ".json")
		if epoch, err := strconv.ParseInt(name, 10, 64); err == nil {
			newest = max(newest, epoch)
		}
	}
	if newest == 0 {
		return "", fmt.Errorf("job %s has no finished snapshot under %s: %w", job, prefix, ErrNoSuchObject)
	}
	return manifestKey(contentType, job, newest), nil
}

// Entries gives the tree's entries, bytewise by path. It stops at the first error.
func (s *Snapshot) Entries(ctx context.Context) iter.Seq2[Stored, error] {
	return func(yield func(Stored, error) bool) {
		names, err := s.segments(ctx)
		if err != nil {
			yield(Stored{}, err)
			return
		}
		var entry Stored // a file may go on in the next segment
		for _, name := range names {
			segment, err := getSegment(ctx, s.objects, s.contentType, name)
			if err != nil {
				yield(Stored{}, err)
				return
			}
			for _, p := range segment.Entries {
				if err := entry.take(p, segment.Pack); err != nil {
					yield(Stored{}, fmt.Errorf("segment %s: %w", name, err))
					return
				}
				if p.More {
					continue
				}
				if !yield(entry, nil) {
					return
				}
				entry = Stored{}
			}
		}
	}
}

// take adds a piece to the entry.
func (e *Stored) take(p piece, pack *packRef) error {
	if len(e.parts) > 0 && e.Path != p.Path || p.Offset != e.Length {
		return fmt.Errorf("%s at %d does not go on from %s at %d", p.Path, p.Offset, e.Path, e.Length)
	}
	e.Entry = p.Entry
	if p.Length == 0 {
		return nil
	}
	if pack == nil || p.At < 0 || p.Length < 0 || p.At+p.Length > pack.Size {
		return fmt.Errorf("%s lies outside of its pack", p.Path)
	}
	e.parts = append(e.parts, part{pack: *pack, at: p.At, length: p.Length})
	e.Length += int64(p.Length)
	return nil
}

// segments lists the names of all segments in their order.
func (s *Snapshot) segments(ctx context.Context) ([]Hash, error) {
	var names []Hash // from the last to the first
	for last := s.Last; last != ""; {
		names = append(names, last)
		segment, err := getSegment(ctx, s.objects, s.contentType, last)
		if err != nil {
			return nil, err
		}
		last = ""
		if n := len(segment.Previous); n > 0 {
			for _, name := range slices.Backward(segment.Previous[1:]) {
				names = append(names, name)
			}
			last = segment.Previous[0]
		}
	}
	if len(names) != s.Segments {
		return nil, fmt.Errorf("snapshot of job %s has %d segments, its manifest says %d", s.Job, len(names), s.Segments)
	}
	slices.Reverse(names)
	return names, nil
}

func getSegment(ctx context.Context, objects Objects, contentType string, name Hash) (*segment, error) {
	key := segmentKey(contentType, name)
	stored, err := objects.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	text, err := decompress(stored, name)
	if err != nil {
		return nil, fmt.Errorf("%s %w", key, err)
	}
	var s segment
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return &s, checkFormat(key, s.Format)
}

// Copy writes the contents of an entry to w, each byte verified before.
func (s *Snapshot) Copy(ctx context.Context, w io.Writer, e Stored) error {
	for _, p := range e.parts {
		content, err := s.open(ctx, p.pack)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
		if _, err := w.Write(content[p.at : p.at+p.length]); err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
	}
	return nil
}

// open returns the content of a pack.
func (s *Snapshot) open(ctx context.Context, pack packRef) ([]byte, error) {
	if s.pack == pack.Hash {
		return s.content, nil
	}
	key := packKey(s.contentType, pack.Hash)
	stored, err := s.objects.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	content, err := decompress(stored, pack.Hash)
	if err == nil && len(content) != pack.Size {
		err = errors.New("has another size than its segment says")
	}
	if err != nil {
		return nil, fmt.Errorf("%s %w", key, err)
	}
	s.pack, s.content = pack.Hash, content
	return content, nil
}
