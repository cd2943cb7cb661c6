package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/test/localtier"
)

// count is the payload of a job of count/count.py: so many steps, each with a pause of so many seconds.
func count(steps int, pause time.Duration) any {
	return map[string]any{"steps": steps, "pause": pause.Seconds()}
}

// submit sends a job as any producer does: as a message.
func (t *trial) submit(ctx context.Context, contentType, id string, payload any) error {
	body, err := json.Marshal(map[string]any{"id": id, "payload": payload})
	if err != nil {
		return err
	}
	queue := t.queues[contentType]
	if _, err := t.tier.Queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: new(string(body))}); err != nil {
		return fmt.Errorf("submit job %s of %s: %w", id, contentType, err)
	}
	return nil
}

// claimed is when the instance had a job whose id begins so, after its start; 0: not yet.
func claimed(i *localec2.Instance, prefix string) time.Duration {
	key := []byte(`"` + i.ContentType + `#` + prefix)
	writes := i.AWS.Requests(func(r awsproxy.Request) bool {
		return r.Status == 200 && (r.Operation == "UpdateItem" || r.Operation == "PutItem") && bytes.Contains(r.Body, key)
	})
	if len(writes) == 0 {
		return 0
	}
	return writes[0].At.Add(writes[0].Took).Sub(i.Started)
}

// records reads jobs of a content type.
func (t *trial) records(ctx context.Context, contentType string, ids []string) ([]localtier.Record, error) {
	out := make([]localtier.Record, len(ids))
	for n, id := range ids {
		var err error
		if out[n], err = t.tier.Job(ctx, contentType, id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// heldBy says which of the jobs an instance holds.
func heldBy(i *localec2.Instance, records []localtier.Record) []int {
	var out []int
	for n, r := range records {
		if r.State == "RUNNING" && strings.HasPrefix(r.Owner, i.ID+"/") {
			out = append(out, n)
		}
	}
	return out
}
