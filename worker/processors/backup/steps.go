package backup

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/snapshot"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// maxCounted bounds the counting of a source, in entries: about a minute of a disk's time. The total of
// a larger one stays unknown.
const maxCounted = 1_000_000

// steps does one backup. A step makes one pack and its segment durable; meanwhile the next pack is read
// and compressed, and the size of the source counted, by goroutines that Close ends.
type steps struct {
	job    *processor.Job
	spec   json.RawMessage
	at     cursor
	source source
	writer *snapshot.Writer

	batches chan batch
	total   chan int64
	cancel  context.CancelFunc
	workers sync.WaitGroup
}

func newSteps(ctx context.Context, job *processor.Job, spec json.RawMessage, at cursor, src source, w *snapshot.Writer) *steps {
	s := &steps{
		job: job, spec: spec, at: at, source: src, writer: w,
		batches: make(chan batch), total: make(chan int64, 1),
	}
	ctx, s.cancel = context.WithCancel(ctx)
	s.workers.Go(func() { s.fill(ctx) })
	if at.Total == 0 {
		s.workers.Go(func() { s.total <- count(ctx, src) })
	}
	return s
}

// fill fills one pack ahead of the one that is being sent.
func (s *steps) fill(ctx context.Context) {
	f := filler{source: s.source, walk: s.source.walk(s.at.After), at: s.at.place}
	for {
		b := f.fill(ctx, s.job.Draining)
		select {
		case s.batches <- b:
		case <-ctx.Done():
			return
		}
		if b.end || b.err != nil {
			return
		}
	}
}

// count adds up the sizes of all files; 0 if that fails: the backup itself will say why.
func count(ctx context.Context, src source) int64 {
	w := src.walk("")
	var bytes int64
	for range maxCounted {
		e, err := w.next(ctx)
		if errors.Is(err, io.EOF) {
			return bytes
		}
		if err != nil {
			return 0
		}
		bytes += e.Size
	}
	return -1
}

func (s *steps) Step(ctx context.Context) (processor.Step, error) {
	if s.at.Manifest != "" {
		return s.reached(), nil
	}
	var b batch
	select {
	case b = <-s.batches:
	case <-ctx.Done():
		return processor.Step{}, ctx.Err()
	}
	if b.err != nil {
		return processor.Step{}, b.err
	}
	if !b.pack.Empty() {
		counts, err := s.writer.Append(ctx, b.pack)
		if err != nil {
			return processor.Step{}, err
		}
		s.at.Counts = s.at.Counts.Plus(counts)
		s.at.Position = s.writer.Position()
	}
	s.at.place = b.at
	select {
	case s.at.Total = <-s.total:
	default:
	}
	if b.end {
		if err := s.finish(ctx); err != nil {
			return processor.Step{}, err
		}
	}
	return s.reached(), nil
}

func (s *steps) finish(ctx context.Context) error {
	key, err := s.writer.Finish(ctx, snapshot.Manifest{
		Job: s.job.ID, Epoch: s.job.Epoch, Source: s.spec, Counts: s.at.Counts,
		Started: time.Unix(s.at.Started, 0).UTC(), Finished: time.Now().UTC().Truncate(time.Second),
	})
	s.at.place = place{}
	s.at.Total = s.at.Counts.Bytes // what there was in the end
	s.at.Manifest = key
	return err
}

func (s *steps) reached() processor.Step {
	progress := processor.Progress{Done: s.at.Counts.Bytes, Unit: "bytes"}
	if s.at.Total > 0 {
		progress.Total = max(s.at.Total, progress.Done)
	}
	return processor.Step{Cursor: s.at, Progress: progress, Done: s.at.Manifest != ""}
}

func (s *steps) Close() error {
	s.cancel()
	s.workers.Wait()
	return s.source.Close()
}
