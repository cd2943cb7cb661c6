package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

type jobsCommand struct {
	List    listCommand    `cmd:"" help:"List the unfinished and the DEAD jobs of a content type."`
	Show    showCommand    `cmd:"" help:"Show one job, finished ones too (for 30 days)."`
	Cancel  cancelCommand  `cmd:"" help:"End a job; a running one stops at its next step."`
	Pause   pauseCommand   `cmd:"" help:"Keep a job from running; a running one is handed back at its next step."`
	Resume  resumeCommand  `cmd:"" help:"Let a paused job run again."`
	Redrive redriveCommand `cmd:"" help:"Give a DEAD job a new life from its last cursor."`
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
	Drains          int64           `json:"drains"`
	Crashes         int64           `json:"crashes"`
	Failures        int64           `json:"failures"`
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

func viewOf(j job.Job) jobView {
	return jobView{
		ContentType: j.ContentType, ID: j.ID, Tenant: j.Tenant, State: j.State, Paused: j.Paused, CancelRequested: j.CancelRequested,
		Owner: j.Owner, Epoch: j.Epoch, Seq: j.Seq, Done: j.Done, Total: j.Total, Unit: j.Unit,
		Drains: j.Drains, Crashes: j.Crashes, Failures: j.Failures, Rings: j.Rings, NotBefore: j.NotBefore, LastError: j.LastError,
		Payload: j.Payload, PayloadRef: j.PayloadRef, Cursor: json.RawMessage(j.Cursor), CursorRef: j.CursorRef, CursorVersion: j.CursorVersion, CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt,
	}
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

type listCommand struct {
	target `embed:""`
	State  []job.State `help:"Only jobs in these states: READY, RUNNING, DEAD."`
	JSON   bool        `help:"Print a JSON list."`
}

func (c *listCommand) Run(ctx context.Context, e *env) error {
	p, err := c.open(ctx)
	if err != nil {
		return err
	}
	jobs, err := p.list(ctx, func(err error) { fmt.Fprintf(e.err, "left out: %s\n", err) })
	if err != nil {
		return err
	}
	views := []jobView{}
	for _, j := range jobs {
		if len(c.State) == 0 || slices.Contains(c.State, j.State) {
			views = append(views, viewOf(j))
		}
	}
	if c.JSON {
		return printJSON(e.out, views)
	}
	table := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSTATE\tPROGRESS\tDRAINS\tCRASHES\tFAILURES\tUPDATED\tOWNER\tLAST ERROR")
	for _, v := range views {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%s ago\t%s\t%s\n", v.ID, v.status(), v.progress(), v.Drains, v.Crashes, v.Failures,
			time.Since(v.UpdatedAt).Round(time.Second), v.Owner, v.LastError)
	}
	if len(views) == 0 {
		fmt.Fprintln(e.err, "no unfinished and no DEAD jobs")
	}
	return table.Flush()
}

// list reads all jobs in the due index, by age: READY, RUNNING and DEAD ones.
func (p *pool) list(ctx context.Context, unreadable func(error)) ([]job.Job, error) {
	jobs, err := sweep.Jobs(ctx, p.store, p.contentType, job.DueFirst, job.DueLast, unreadable)
	slices.SortFunc(jobs, func(a, b job.Job) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return jobs, err
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
func inBucket(ref string) string {
	if ref == "" {
		return ""
	}
	return ref + " (in the artifacts bucket)"
}

// one names a job of the target.
type one struct {
	target `embed:""`
	ID     string `arg:"" help:"Id of the job."`
	JSON   bool   `help:"Print the job as JSON."`
}

func (o one) key() job.Key { return job.Key{ContentType: o.Type, ID: o.ID} }

// get reads a job; nil: there is none.
func (p *pool) get(ctx context.Context, key job.Key) (*job.Job, error) {
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

func (p *pool) mustGet(ctx context.Context, key job.Key) (job.Job, error) {
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
	one    `embed:""`
	Follow bool `short:"f" help:"Watch the job to its end; exit status 1 unless it is DONE."`
}

func (c *showCommand) Run(ctx context.Context, e *env) error {
	p, err := c.open(ctx)
	if err != nil {
		return err
	}
	if c.Follow {
		return p.followTo(ctx, e, c.key(), c.JSON)
	}
	j, err := p.mustGet(ctx, c.key())
	if err != nil {
		return err
	}
	return c.print(e, j)
}

func (o one) print(e *env, j job.Job) error {
	v := viewOf(j)
	if o.JSON {
		return printJSON(e.out, v)
	}
	table := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	rows := [][2]string{
		{"job", j.Key.String()}, {"state", v.status()}, {"progress", v.progress()}, {"owner", v.Owner},
		{"epoch, seq", fmt.Sprintf("%d, %d", v.Epoch, v.Seq)},
		{"drains, crashes, failures", fmt.Sprintf("%d, %d, %d", v.Drains, v.Crashes, v.Failures)},
		{"last error", v.LastError}, {"tenant", v.Tenant}, {"payload", string(v.Payload) + inBucket(v.PayloadRef)},
		{"cursor", strings.TrimSpace(v.CursorVersion + " " + string(v.Cursor) + inBucket(v.CursorRef))},
		{"created", v.CreatedAt.Local().Format(time.DateTime)}, {"updated", v.UpdatedAt.Local().Format(time.DateTime)},
	}
	for _, row := range rows {
		if row[1] != "" {
			fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
		}
	}
	return table.Flush()
}
