package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/worker-tier/worker-tier/internal/plainjson"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/store"
)

type jobsCommand struct {
	List    listCommand    `cmd:"" help:"List the unfinished and the DEAD jobs of a content type, RUNNING ones first."`
	Show    showCommand    `cmd:"" help:"Show one job, finished ones too (for 30 days): what it is, what became of it, what happens next."`
	Stats   statsCommand   `cmd:"" help:"Count the jobs of a content type by state, and the messages of its queues."`
	Tail    tailCommand    `cmd:"" help:"Watch the jobs of a content type: who runs what, how far, what ends how."`
	Cancel  cancelCommand  `cmd:"" help:"End jobs; a running one stops at its next step."`
	Pause   pauseCommand   `cmd:"" help:"Keep jobs from running; a running one is handed back at its next step."`
	Resume  resumeCommand  `cmd:"" help:"Let paused jobs run again."`
	Retry   retryCommand   `cmd:"" help:"Let jobs that wait after a failure run now."`
	Redrive redriveCommand `cmd:"" help:"Give DEAD jobs a new life from their last cursor."`
	Erase   eraseCommand   `cmd:"" help:"Erase what table and bucket hold of a tenant's jobs, after ending those that are not over."`
}

// jobView is a job as it is printed for machines.
type jobView struct {
	ContentType     string          `json:"contentType"`
	ID              string          `json:"id"`
	Tenant          string          `json:"tenant,omitempty"`
	State           job.State       `json:"state"`
	Paused          bool            `json:"paused,omitempty"`
	CancelRequested bool            `json:"cancelRequested,omitempty"`
	Owner           string          `json:"owner,omitempty"`
	Epoch           int64           `json:"epoch"`
	Seq             int64           `json:"seq"`
	Done            int64           `json:"done"`
	Total           int64           `json:"total"`
	Unit            string          `json:"unit,omitempty"`
	PerSecond       float64         `json:"perSecond,omitempty"` // units, as the last holder measured it
	ETA             *etaView        `json:"eta,omitempty"`
	Drains          int64           `json:"drains"`
	Crashes         int64           `json:"crashes"`
	Failures        int64           `json:"failures"`
	FailureLimit    int64           `json:"failureLimit,omitempty"` // that many make the job DEAD; left out: it has not failed yet
	Returns         int64           `json:"returns,omitempty"`      // in a row, for nobody's fault
	Rings           int64           `json:"rings"`
	NotBefore       time.Time       `json:"notBefore,omitzero"`
	LastError       string          `json:"lastError,omitempty"`
	Payload         json.RawMessage `json:"payload,omitempty"`
	PayloadRef      string          `json:"payloadRef,omitempty"` // key in the artifacts bucket
	Cursor          json.RawMessage `json:"cursor,omitempty"`
	CursorRef       string          `json:"cursorRef,omitempty"` // key in the artifacts bucket
	CursorVersion   string          `json:"cursorVersion,omitempty"`
	CreatedAt       time.Time       `json:"createdAt"`
	UpdatedAt       time.Time       `json:"updatedAt"`
}

// etaView is when a RUNNING job ends if it goes on as it goes: with a probability of about 95 % between soonest
// and latest.
type etaView struct {
	Soonest time.Time `json:"soonest"`
	Likely  time.Time `json:"likely"`
	Latest  time.Time `json:"latest,omitzero"` // left out: no end in sight
}

func etaOf(j job.Job) *etaView {
	soonest, likely, latest, ok := j.Left()
	if !ok {
		return nil
	}
	eta := &etaView{Soonest: j.UpdatedAt.Add(soonest), Likely: j.UpdatedAt.Add(likely)}
	if latest > 0 {
		eta.Latest = j.UpdatedAt.Add(latest)
	}
	return eta
}

func viewOf(j job.Job) jobView {
	return jobView{
		PerSecond: j.Pace.PerSecond, ETA: etaOf(j),
		ContentType: j.ContentType, ID: j.ID, Tenant: j.Tenant, State: j.State, Paused: j.Paused, CancelRequested: j.CancelRequested,
		Owner: j.Owner, Epoch: j.Epoch, Seq: j.Seq, Done: j.Done, Total: j.Total, Unit: j.Unit,
		Drains: j.Drains, Crashes: j.Crashes, Failures: j.Failures, FailureLimit: j.FailureLimit, Returns: j.Returns, Rings: j.Rings, NotBefore: j.NotBefore, LastError: j.LastError,
		Payload: asJSON(string(j.Payload)), PayloadRef: j.PayloadRef, Cursor: asJSON(j.Cursor), CursorRef: j.CursorRef, CursorVersion: j.CursorVersion, CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt,
	}
}

// asJSON is a text of an item as a part of a JSON document. A text that is no JSON becomes a string, so that one bad item
// spoils no list.
func asJSON(text string) json.RawMessage {
	if text == "" || json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	quoted, _ := plainjson.Marshal(text) // a string
	return quoted
}

func (v jobView) status() string {
	switch {
	case v.Paused:
		return string(v.State) + " (paused)"
	case v.CancelRequested:
		return string(v.State) + " (cancelling)"
	}
	return string(v.State)
}

func (v jobView) progress() string {
	switch {
	case v.Total > 0:
		return fmt.Sprintf("%d%% of %d %s", 100*v.Done/v.Total, v.Total, v.Unit)
	case v.Done > 0:
		return fmt.Sprintf("%d %s", v.Done, v.Unit)
	}
	return "-"
}

// inBucket says where what is too large for the table stands.
func inBucket(j job.Job, ref string) string {
	switch {
	case ref == "":
		return ""
	case slices.Contains(j.Needless(), ref):
		return ref + " (deleted from the artifacts bucket with the job's end)"
	}
	return ref + " (in the artifacts bucket)"
}

// get reads a job; nil: there is none.
func (p *typeHandles) get(ctx context.Context, key job.Key) (*job.Job, error) {
	item, err := p.store.Get(ctx, key.String())
	if err != nil || item == nil {
		return nil, err
	}
	j, err := job.FromItem(item)
	return &j, err
}

func noJob(key job.Key) error {
	return fmt.Errorf("there is no job %s of content type %s (finished ones are kept for 30 days)", key.ID, key.ContentType)
}

func (p *typeHandles) mustGet(ctx context.Context, key job.Key) (job.Job, error) {
	j, err := p.get(ctx, key)
	if err == nil && j == nil {
		err = noJob(key)
	}
	if err != nil {
		return job.Job{}, err
	}
	return *j, nil
}

type showCommand struct {
	target `embed:""`
	ID     string `arg:"" help:"Id of the job."`
	Follow bool   `short:"f" help:"Watch the job to its end; exit status 1 unless it is DONE."`
	JSON   bool   `help:"Print the job as JSON."`
}

func (c *showCommand) Run(ctx context.Context, e *env) error {
	key := job.Key{ContentType: c.Type, ID: c.ID}
	p, err := c.open(ctx)
	if err != nil {
		return err
	}
	if c.Follow {
		return p.followTo(ctx, e, key, c.JSON)
	}
	meter := &store.Meter{}
	p.store = p.store.Metered(meter)
	j, err := p.mustGet(ctx, key)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.out.JSON(viewOf(j))
	}
	if err := tell(ctx, e, p, j); err != nil {
		return err
	}
	return e.err.Line("%s", costOf(meter))
}
