package snapshot

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
)

// Writer writes a snapshot, segment by segment.
type Writer struct {
	objects     Objects
	contentType string
	number      int    // of the next segment
	previous    []Hash // what the next segment names
}

// Position is where a [Writer] stands; the zero value is the beginning.
type Position struct {
	Segments int  `json:"segments,omitempty"`
	Last     Hash `json:"last,omitempty"`
}

// NewWriter starts a snapshot, or goes on where another writer stood.
func NewWriter(ctx context.Context, objects Objects, contentType string, at Position) (*Writer, error) {
	w := &Writer{objects: objects, contentType: contentType, number: at.Segments}
	if at.Segments == 0 {
		return w, nil
	}
	last, err := getSegment(ctx, objects, contentType, at.Last)
	if err != nil {
		return nil, err
	}
	w.previous = last.previousOfNext(at.Last)
	return w, nil
}

// previousOfNext is what the segment after s, whose name is own, names.
func (s *segment) previousOfNext(own Hash) []Hash {
	if s.Number%links == 0 {
		return []Hash{own}
	}
	return append(slices.Clone(s.Previous), own)
}

// Position is where the writer stands after what it has appended.
func (w *Writer) Position() Position {
	if w.number == 0 {
		return Position{}
	}
	return Position{Segments: w.number, Last: w.previous[len(w.previous)-1]}
}

// Append writes a pack and the segment that describes it, both durable when it returns. Appending the
// same once more at the same position writes the same objects.
func (w *Writer) Append(ctx context.Context, p *Pack) (Counts, error) {
	s := segment{Format: Format, Number: w.number, Previous: w.previous, Entries: p.pieces}
	counts := p.counts()
	g, ctx := errgroup.WithContext(ctx)
	if len(p.stored) > 0 {
		s.Pack = &packRef{Hash: p.hash, Size: len(p.content), Stored: len(p.stored)}
		g.Go(func() error {
			sent, err := w.objects.PutOnce(ctx, packKey(w.contentType, p.hash), p.stored)
			if sent {
				counts.Uploaded = int64(len(p.stored))
			} else {
				counts.Reused = int64(len(p.stored))
			}
			return err
		})
	}
	text, err := json.Marshal(s)
	if err != nil {
		return Counts{}, fmt.Errorf("segment %d: %w", s.Number, err)
	}
	stored := compress(text)
	own := hashOf(stored)
	g.Go(func() error {
		_, err := w.objects.PutOnce(ctx, segmentKey(w.contentType, own), stored)
		return err
	})
	if err := g.Wait(); err != nil {
		return Counts{}, err
	}
	w.number++
	w.previous = s.previousOfNext(own)
	return counts, nil
}

// Finish writes the manifest and returns its key. The fields that say what was written are filled in.
func (w *Writer) Finish(ctx context.Context, m Manifest) (key string, err error) {
	at := w.Position()
	m.Format, m.Segments, m.Last = Format, at.Segments, at.Last
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return "", fmt.Errorf("manifest of job %s: %w", m.Job, err)
	}
	key = manifestKey(w.contentType, m.Job, m.Epoch)
	return key, w.objects.Put(ctx, key, append(text, '\n'))
}
