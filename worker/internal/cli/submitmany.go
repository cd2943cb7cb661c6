package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/internal/plainjson"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

const (
	submitters   = 16  // submissions under way at once
	mostMistakes = 100 // of a file that are printed
)

// submitManyView is the result as it is printed for machines.
type submitManyView struct {
	Submitted int `json:"submitted"`
	Existing  int `json:"existing"` // were there already and were not changed
	// Taken are ids whose jobs were submitted with another payload or tenant.
	Taken []string `json:"taken,omitempty"`
}

// fromFile submits the jobs of a file of JSON lines. All of it is read before the first is submitted, so that a
// mistake in the last line submits nothing; ids are the same each time, so that a file that was cut short can be
// submitted again.
func (c *submitCommand) fromFile(ctx context.Context, e *env) error {
	text, err := readAll(c.From)
	if err != nil {
		return err
	}
	submissions, err := parseSubmissions(text)
	if err != nil {
		return fmt.Errorf("%s: nothing was submitted:\n%w", c.From, err)
	}
	p, err := c.open(ctx)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	view, err := p.submitAll(ctx, submissions, c.Rate, progressOf(e, len(submissions)))
	if err != nil {
		return fmt.Errorf("%d of %d jobs are submitted; submit the same %s again for the others, those that exist stay as they are: %w",
			view.Submitted+view.Existing, len(submissions), c.source(), errors.Join(err, view.taken()))
	}
	if c.JSON {
		err = e.out.JSON(view)
	} else {
		err = e.out.Line("%s submitted, %d existed already", operator.Plural(view.Submitted, "job"), view.Existing)
	}
	return errors.Join(err, view.taken())
}

// source is what the submissions come from, for people.
func (c *submitCommand) source() string {
	if c.From == "-" {
		return "lines"
	}
	return "file"
}

// taken says which ids were taken; nil: none.
func (v submitManyView) taken() error {
	if len(v.Taken) == 0 {
		return nil
	}
	return fmt.Errorf("%s of the file belong to jobs with another payload or tenant, and were not submitted: %s",
		operator.Plural(len(v.Taken), "id"), strings.Join(v.Taken[:min(mostMistakes, len(v.Taken))], " "))
}

func readAll(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(name)
}

// parseSubmissions reads a {"id"?, "tenant"?, "payload"} per line; empty lines are skipped. All mistakes are
// reported at once, by line. The default of an id is made of the line and how often it was there before.
func parseSubmissions(text []byte) ([]job.Submission, error) {
	var out []job.Submission
	var mistakes []error
	seen, first := map[[sha256.Size]byte]int{}, map[string]int{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, job.MaxPayload+1<<20)
	n := 0
	for lines.Scan() {
		n++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		s, err := parseSubmission(line, seen)
		if err == nil && first[s.ID] > 0 {
			err = fmt.Errorf("id %s stands in line %d already", s.ID, first[s.ID])
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("line %d: %w", n, err))
			continue
		}
		first[s.ID] = n
		out = append(out, s)
	}
	if err := lines.Err(); err != nil {
		mistakes = append(mistakes, fmt.Errorf("line %d: %w", n+1, err))
	}
	if more := len(mistakes) - mostMistakes; more > 0 {
		mistakes = append(mistakes[:mostMistakes], fmt.Errorf("and %s more", operator.Plural(more, "mistake")))
	}
	if len(mistakes) == 0 && len(out) == 0 {
		mistakes = append(mistakes, errors.New("it holds no jobs"))
	}
	return out, errors.Join(mistakes...)
}

func parseSubmission(line []byte, seen map[[sha256.Size]byte]int) (job.Submission, error) {
	var s job.Submission
	if err := plainjson.CheckUTF8(line); err != nil {
		return s, err
	}
	strict := json.NewDecoder(bytes.NewReader(line))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&s); err != nil {
		return s, fmt.Errorf(`want {"id"?, "tenant"?, "payload"}: %w`, err)
	}
	if strict.More() {
		return s, errors.New("want one JSON object per line")
	}
	if s.ID == "" {
		digest := sha256.Sum256(line)
		s.ID = fmt.Sprintf("%s-%d", hex.EncodeToString(digest[:10]), seen[digest])
		seen[digest]++
	}
	return s, s.Check()
}

// submitAll submits at most rate jobs a second (0: as fast as it goes). The first error ends it. When ctx ends, it begins no
// more and finishes those under way, so that the count is true.
func (p *typeHandles) submitAll(ctx context.Context, submissions []job.Submission, rate float64, progress func()) (submitManyView, error) {
	var created, existing atomic.Int64
	var mu sync.Mutex
	var takenIDs []string
	group, underWay := errgroup.WithContext(context.WithoutCancel(ctx))
	group.SetLimit(submitters)
	start := time.Now()
	for n, s := range submissions {
		if rate > 0 {
			due := start.Add(time.Duration(float64(n) / rate * float64(time.Second)))
			select {
			case <-time.After(time.Until(due)):
			case <-ctx.Done():
			case <-underWay.Done():
			}
		}
		if ctx.Err() != nil || underWay.Err() != nil {
			break
		}
		group.Go(func() error {
			_, isNew, err := p.submit(underWay, s)
			_, taken := errors.AsType[*takenError](err)
			switch {
			case taken:
				mu.Lock()
				takenIDs = append(takenIDs, s.ID)
				mu.Unlock()
			case err != nil:
				return err
			case isNew:
				created.Add(1)
			default:
				existing.Add(1)
			}
			progress()
			return nil
		})
	}
	err := group.Wait()
	if done := created.Load() + existing.Load() + int64(len(takenIDs)); err == nil && done < int64(len(submissions)) {
		err = context.Cause(ctx)
	}
	slices.Sort(takenIDs)
	return submitManyView{int(created.Load()), int(existing.Load()), takenIDs}, err
}

// progressOf shows how many of total are done: a bar on a terminal, a line every lineInterval elsewhere.
func progressOf(e *env, total int) func() {
	if e.err.Terminal() {
		b := newBar(e.err.To, "jobs")
		b.ChangeMax(total)
		return func() { _ = b.Add(1) } // a bar that cannot be drawn is no reason to stop
	}
	var done, said atomic.Int64
	said.Store(time.Now().UnixNano())
	return func() {
		n, last := done.Add(1), said.Load()
		if now := time.Now().UnixNano(); time.Duration(now-last) >= lineInterval && said.CompareAndSwap(last, now) {
			e.err.Line("%d of %d jobs", n, total)
		}
	}
}
