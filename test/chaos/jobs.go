package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// waiting is how many unfinished jobs of each type there are while the chaos goes on: each instance has work, and
// jobs wait. Backups cost the most processor time.
var waiting = map[string]int{"backup": 3, "chain": 6, "inventory": 3, "downstream": 4}

// folders of the Go toolchain's sources, which every machine with Go has, are backed up and listed.
var folders = map[string][]string{"backup": {"runtime", "crypto", "cmd"}, "inventory": {"cmd", "crypto", "."}}

// chainLinks and chainPause make a chain of about eight seconds.
const chainLinks, chainPause = 400, 20

// submitted is a job that was submitted.
type submitted struct {
	contentType, id string
	folder          string // of a backup or an inventory
	done            bool   // as seen by the submitter; not what is judged
}

func (s *submitted) key() string { return s.contentType + "#" + s.id }

// jobs submits jobs and keeps the list.
type jobs struct {
	*chaos
	source string            // folder of the sources
	queues map[string]string // URLs, by content type

	mu  sync.Mutex
	all []*submitted
}

func newJobs(ctx context.Context, c *chaos) (*jobs, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	j := &jobs{chaos: c, queues: map[string]string{}}
	if j.source, err = filepath.EvalSymlinks(filepath.Join(strings.TrimSpace(string(out)), "src")); err != nil {
		return nil, err
	}
	for _, t := range c.config.ContentTypes {
		if j.queues[t.Name], err = localtier.Parameter(ctx, c.AWS, contract.QueueURLParameter(c.config.Name, c.environment(), t.Name)); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// keepBusy submits jobs until enough is closed, so that there are always some of each type. What it has begun to
// submit it brings to an end, unless ctx ends.
func (j *jobs) keepBusy(ctx context.Context, enough <-chan struct{}) error {
	for {
		for _, t := range j.config.ContentTypes {
			j.look(ctx)
			for n := j.unfinished(t.Name); n < waiting[t.Name]; n++ {
				if err := j.submit(ctx, t.Name); err != nil {
					return err
				}
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-enough:
			return nil
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// look notes which jobs are done. While the endpoint is away nothing is known, and nothing is noted.
func (j *jobs) look(ctx context.Context) {
	for _, s := range j.list() {
		if s.done {
			continue
		}
		call, cancel := context.WithTimeout(ctx, time.Second)
		r, err := j.tier.Job(call, s.contentType, s.id)
		cancel()
		if err != nil {
			return
		}
		j.mu.Lock()
		s.done = r.State == "DONE" || r.State == "DEAD"
		j.mu.Unlock()
	}
}

func (j *jobs) list() []*submitted {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]*submitted(nil), j.all...)
}

// unfinished counts the jobs of a type, "" for all, that are not done.
func (j *jobs) unfinished(contentType string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.all {
		if !s.done && (contentType == "" || s.contentType == contentType) {
			n++
		}
	}
	return n
}

// submitTime bounds how long a submission may be tried: longer than any outage that the chaos makes.
const submitTime = 20 * time.Minute

// submit submits a job until it is known to be: an id of its own makes that safe. Every third one goes
// through the command line, which writes the item, the others are messages, as any producer sends them.
func (j *jobs) submit(ctx context.Context, contentType string) error {
	s, payload, err := j.next(contentType)
	if err != nil {
		return err
	}
	j.mu.Lock()
	j.all = append(j.all, s)
	number := len(j.all)
	j.mu.Unlock()
	var last error
	err = localtier.Await(ctx, "job "+s.id+" to be submitted", submitTime, func(ctx context.Context) (bool, error) {
		if number%3 == 0 {
			last = j.command(ctx, "submit", "--type", contentType, "--id", s.id, "--payload", string(payload))
		} else {
			last = j.send(ctx, contentType, s.id, payload)
		}
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w; last: %w", err, last)
	}
	return nil
}

// next makes up a job.
func (j *jobs) next(contentType string) (*submitted, []byte, error) {
	j.mu.Lock()
	n := 0
	for _, s := range j.all {
		if s.contentType == contentType {
			n++
		}
	}
	j.mu.Unlock()
	s := &submitted{contentType: contentType, id: fmt.Sprintf("job-%d", n)}
	if choice := folders[contentType]; len(choice) > 0 {
		s.folder = filepath.Join(j.source, choice[n%len(choice)])
	}
	var payload any
	switch contentType {
	case "backup":
		payload = map[string]any{"source": map[string]any{"directory": s.folder}}
	case "inventory":
		payload = map[string]any{"directory": s.folder, "output": j.output(s)}
	case "downstream":
		payload = map[string]any{"away": j.downstream()}
	default:
		payload = map[string]any{"word": s.id, "links": chainLinks, "pause": chainPause}
	}
	text, err := json.Marshal(payload)
	return s, text, err
}

// output is the folder that an inventory writes to: every instance finds it, as on a shared disk.
func (j *jobs) output(s *submitted) string { return filepath.Join(j.dir, "inventories", s.id) }

// downstream is the file that is there while what the jobs of content type downstream need is away.
func (c *chaos) downstream() string { return filepath.Join(c.dir, "the-downstream-is-away") }

// send sends the published message.
func (j *jobs) send(ctx context.Context, contentType, id string, payload json.RawMessage) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	body, err := json.Marshal(map[string]any{"id": id, "payload": payload})
	if err != nil {
		return err
	}
	text, queue := string(body), j.queues[contentType]
	_, err = j.tier.Queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &text})
	return err
}

// command runs a command of the worker as an operator does, over the disturbed network.
func (c *chaos) command(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.worker, args...)
	cmd.Env = append(localtier.WithoutAWS(os.Environ()), c.Server.Environ()...)
	cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL="+c.operator.URL, contract.EnvTier+"="+c.config.Name, contract.EnvEnvironment+"="+c.environment())
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("worker %s: %w: %s", strings.Join(args, " "), err, said)
	}
	return nil
}
