package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/test/outputs"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// kinds are the jobs that run all the time. Pace is the time between two that are sent, most how many are unfinished at most: at
// each moment there are long ones in the middle of their work, and short ones come and go.
var kinds = []kind{
	{contentType: "short", links: 5, pause: 20 * time.Millisecond, pace: 400 * time.Millisecond, most: 40},
	{contentType: "long", links: 300, pause: 100 * time.Millisecond, pace: 4 * time.Second, most: 4},
	{contentType: "listing", pace: 6 * time.Second, most: 4},
}

type kind struct {
	contentType string
	links       int           // of a chain
	pause       time.Duration // before each link
	pace        time.Duration
	most        int
}

// job is a job that was sent.
type job struct {
	kind kind
	id   string
	done bool
}

// load sends jobs and keeps the list.
type load struct {
	*live
	queues map[string]string // URLs, by content type
	mu     sync.Mutex
	all    []*job
}

func newLoad(ctx context.Context, l *live) (*load, error) {
	out := &load{live: l, queues: map[string]string{}}
	for _, k := range kinds {
		var err error
		if out.queues[k.contentType], err = localtier.Parameter(ctx, l.AWS, contract.QueueURLParameter(tierName, environment, k.contentType)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// keep sends jobs of one kind until enough is closed.
func (l *load) keep(ctx context.Context, k kind, enough <-chan struct{}) error {
	for n := 0; ; n++ {
		unfinished, err := l.unfinished(ctx, k.contentType)
		if err != nil {
			return err
		}
		if unfinished < k.most {
			if err := l.send(ctx, &job{kind: k, id: fmt.Sprintf("job-%d", n)}); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-enough:
			return nil
		case <-time.After(k.pace):
		}
	}
}

// send sends the published message, as any producer does.
func (l *load) send(ctx context.Context, j *job) error {
	var payload any = map[string]any{"word": j.id, "links": j.kind.links, "pause": j.kind.pause.Milliseconds()}
	if j.kind.links == 0 {
		payload = map[string]any{"directory": l.source(), "output": l.output(j)}
	}
	body, err := json.Marshal(map[string]any{"id": j.id, "payload": payload})
	if err != nil {
		return err
	}
	queue := l.queues[j.kind.contentType]
	if _, err := l.deployed.Queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: new(string(body))}); err != nil {
		return fmt.Errorf("send job %s of %s: %w", j.id, j.kind.contentType, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, j)
	return nil
}

func (l *load) source() string { return filepath.Join(l.root, "worker") }

func (l *load) output(j *job) string { return filepath.Join(l.dir, "listings", j.id) }

// unfinished counts the jobs of a type, "" for all, that have not ended.
func (l *load) unfinished(ctx context.Context, contentType string) (n int, err error) {
	l.mu.Lock()
	all := append([]*job(nil), l.all...)
	l.mu.Unlock()
	for _, j := range all {
		if contentType != "" && j.kind.contentType != contentType {
			continue
		}
		if !j.done {
			r, err := l.deployed.Job(ctx, j.kind.contentType, j.id)
			if err != nil {
				return 0, err
			}
			if j.done = r.State == "DONE" || r.State == "DEAD" || r.State == "CANCELLED"; !j.done {
				n++
			}
		}
	}
	return n, nil
}

// endTime bounds the wait for the last jobs.
const endTime = 10 * time.Minute

// judge waits for the end of all jobs and says which were lost: not done, or done with another result than their own.
func (l *load) judge(ctx context.Context) (lost []string, err error) {
	err = localtier.AwaitEvery(ctx, 500*time.Millisecond, "the last jobs to end", endTime, func(ctx context.Context) (bool, error) {
		n, err := l.unfinished(ctx, "")
		return n == 0, err
	})
	if ctx.Err() != nil {
		return nil, err
	}
	for _, j := range l.all { // what has not ended by now is lost
		r, err := l.deployed.Job(ctx, j.kind.contentType, j.id)
		if err != nil {
			return nil, err
		}
		if err := l.verify(j, r); err != nil {
			lost = append(lost, fmt.Sprintf("job %s of %s is %q: %v", j.id, j.kind.contentType, r.State, err))
		}
	}
	return lost, nil
}

// verify compares what a job has left with what it was to do. No change of the tier may count as its failure.
func (l *load) verify(j *job, r localtier.Record) error {
	if r.State != "DONE" {
		return errors.New("it is not done")
	}
	if r.Failures != 0 || r.Crashes != 0 {
		return fmt.Errorf("%d failures and %d crashes count against it", r.Failures, r.Crashes)
	}
	if j.kind.links == 0 {
		_, err := outputs.VerifyInventory(r.Cursor, l.output(j), l.source())
		return err
	}
	var got struct {
		Links int
		Hash  string
	}
	if err := json.Unmarshal([]byte(r.Cursor), &got); err != nil {
		return fmt.Errorf("cursor %q: %w", r.Cursor, err)
	}
	hash := ""
	for range j.kind.links {
		sum := sha256.Sum256([]byte(j.id + hash))
		hash = hex.EncodeToString(sum[:])
	}
	if got.Links != j.kind.links || got.Hash != hash {
		return fmt.Errorf("%d links end in %s, want %d that end in %s", got.Links, got.Hash, j.kind.links, hash)
	}
	return nil
}
