package cli

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/store"
)

// filter says which jobs of a content type are meant.
type filter struct {
	State  []job.State   `help:"Only jobs in these states: READY, RUNNING, DEAD; with --scan also DONE and CANCELLED."`
	Tenant string        `help:"Only jobs of this tenant."`
	Older  time.Duration `help:"Only jobs submitted longer ago than this, for example 2h."`
	Newer  time.Duration `help:"Only jobs submitted since this long ago."`
}

func (f filter) wants(j job.Job, now time.Time) bool {
	age := now.Sub(j.CreatedAt)
	return (len(f.State) == 0 || slices.Contains(f.State, j.State)) &&
		(f.Tenant == "" || f.Tenant == j.Tenant) &&
		(f.Older == 0 || age > f.Older) && (f.Newer == 0 || age < f.Newer)
}

// inIndex are the states that the due index lists.
var inIndex = []job.State{job.Running, job.Ready, job.Dead}

// check refuses states that do not exist, and those that only a scan finds.
func (f filter) check(scan bool) error {
	for _, s := range f.State {
		switch {
		case slices.Contains(inIndex, s):
		case s != job.Done && s != job.Cancelled:
			return fmt.Errorf("--state %s: want READY, RUNNING, DEAD, DONE or CANCELLED", s)
		case !scan:
			return fmt.Errorf("--state %s: such jobs are in no index; --scan finds them and reads the whole table for it (of all content types)", s)
		}
	}
	return nil
}

// stretch is a part of the due index.
type stretch struct {
	state               job.State
	partition, from, to string
}

// stretches are all parts in the order in which jobs are listed: those that run first.
func stretches(contentType string) []stretch {
	var out []stretch
	for _, s := range []stretch{
		{state: job.Running, from: job.DueRunning, to: job.DueRunning},
		{state: job.Ready, from: job.DueReadyFirst, to: job.DueReadyLatest},
		{state: job.Dead, from: job.DueDeadFirst, to: job.DueDeadLast},
	} {
		for shard := range contract.DueShards {
			s.partition = job.DuePartition(contentType, shard)
			out = append(out, s)
		}
	}
	return out
}

// pageToken is where a page of a list ended; the zero value stands for the beginning, and for the end.
type pageToken struct {
	Stretch int           `json:"stretch"`
	Index   store.PageKey `json:"index"`
	Scan    string        `json:"scan"` // key of the last job of a scan
}

func (p pageToken) String() string {
	if p == (pageToken{}) {
		return ""
	}
	text, _ := json.Marshal(p) // strings and a number: never fails
	return base64.RawURLEncoding.EncodeToString(text)
}

// UnmarshalText reads what String made.
func (p *pageToken) UnmarshalText(text []byte) error {
	type fields pageToken // without this method
	plain, err := base64.RawURLEncoding.DecodeString(string(text))
	if err == nil {
		err = json.Unmarshal(plain, (*fields)(p))
	}
	if err != nil || p.Stretch < 0 {
		return errors.New("this is not what a list printed as its next page")
	}
	return nil
}

// lister reads the jobs of a content type for people.
type lister struct {
	store       *store.Dynamo
	contentType string
	filter      filter
	unreadable  func(error)
}

// page reads up to limit jobs from after a place on, and where the next page begins.
func (l lister) page(ctx context.Context, after pageToken, limit int) ([]job.Job, pageToken, error) {
	var jobs []job.Job
	all := stretches(l.contentType)
	for n := after.Stretch; n < len(all); n++ {
		at := store.PageKey{}
		if n == after.Stretch {
			at = after.Index
		}
		if len(l.filter.State) > 0 && !slices.Contains(l.filter.State, all[n].state) {
			continue
		}
		for {
			// A page of keys is never more than what is still wanted, so that it can be left only at its end.
			keys, next, err := l.store.DuePage(ctx, all[n].partition, all[n].from, all[n].to, at, min(limit-len(jobs), 100))
			if err != nil {
				return nil, pageToken{}, err
			}
			items, err := l.store.BatchGet(ctx, keys)
			if err != nil {
				return nil, pageToken{}, err
			}
			slices.SortFunc(items, func(a, b job.Item) int { // BatchGet answers in any order
				return cmp.Compare(slices.Index(keys, keyOf(a)), slices.Index(keys, keyOf(b)))
			})
			jobs = append(jobs, l.choose(items)...)
			if at = next; len(jobs) == limit {
				return jobs, l.following(n, at, len(all)), nil
			}
			if at == (store.PageKey{}) {
				break
			}
		}
	}
	return jobs, pageToken{}, nil
}

func keyOf(item job.Item) string { key, _ := item[contract.AttrKey].(string); return key }

// following is the place after a full page that ended at a place of stretch n.
func (l lister) following(n int, at store.PageKey, stretches int) pageToken {
	switch {
	case at != (store.PageKey{}):
		return pageToken{Stretch: n, Index: at}
	case n+1 < stretches:
		return pageToken{Stretch: n + 1}
	}
	return pageToken{}
}

// choose reads the items that the filter wants.
func (l lister) choose(items []job.Item) []job.Job {
	var jobs []job.Job
	for _, item := range items {
		j, err := job.FromItem(item)
		switch {
		case err != nil:
			l.unreadable(err)
		case l.filter.wants(j, time.Now()):
			jobs = append(jobs, j)
		}
	}
	return jobs
}

type listCommand struct {
	target `embed:""`
	filter `embed:""`
	Limit  int       `default:"100" help:"Most jobs of a page."`
	After  pageToken `placeholder:"PAGE" help:"Go on where a page ended that named this one as the next."`
	Scan   bool      `help:"Finished jobs too. Reads the whole table, of all content types, and costs accordingly."`
	JSON   bool      `help:"Print {jobs, next, readUnits} as JSON."`
}

// listView is a page as it is printed for machines.
type listView struct {
	Jobs      []jobView `json:"jobs"`
	Next      string    `json:"next,omitempty"` // for --after
	ReadUnits float64   `json:"readUnits"`      // of the table, what this page cost
}

func (c *listCommand) Run(ctx context.Context, e *env) error {
	if err := c.check(c.Scan); err != nil {
		return err
	}
	if c.Limit < 1 {
		return fmt.Errorf("--limit %d: want at least 1", c.Limit)
	}
	p, err := c.open(ctx)
	if err != nil {
		return err
	}
	meter := &store.Meter{}
	l := p.lister(e, c.filter, meter)
	read := l.page
	if c.Scan {
		read = scanner{l, dynamodb.NewFromConfig(p.cfg), p.table, meter}.page
	}
	jobs, next, err := read(ctx, c.After, c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.out.JSON(listView{viewsOf(jobs), next.String(), meter.Units()})
	}
	if err := printTable(e.out, jobs); err != nil {
		return err
	}
	e.err.Line("%s, %s", operator.Plural(len(jobs), "job"), costOf(meter))
	if next != (pageToken{}) {
		e.err.Line("there are more: --after %s", next)
	}
	return nil
}

func (p *typeHandles) lister(e *env, f filter, meter *store.Meter) lister {
	return lister{p.store.Metered(meter), p.contentType, f, func(err error) { e.err.Line("left out: %s", err) }}
}

func viewsOf(jobs []job.Job) []jobView {
	views := make([]jobView, len(jobs))
	for i, j := range jobs {
		views[i] = viewOf(j)
	}
	return views
}

func printTable(to operator.Printer, jobs []job.Job) error {
	if len(jobs) == 0 {
		return nil
	}
	rows := [][]string{{"ID", "STATE", "PROGRESS", "TENANT", "AGE", "UPDATED", "DRAINS", "CRASHES", "FAILURES", "OWNER", "LAST ERROR"}}
	for _, v := range viewsOf(jobs) {
		rows = append(rows, []string{
			v.ID, v.status(), v.progress(), v.Tenant, since(v.CreatedAt).String(), since(v.UpdatedAt).String() + " ago",
			strconv.FormatInt(v.Drains, 10), strconv.FormatInt(v.Crashes, 10), strconv.FormatInt(v.Failures, 10), v.Owner, v.LastError,
		})
	}
	return to.Table(rows)
}

func since(t time.Time) time.Duration { return time.Since(t).Round(time.Second) }

// costOf says what an answer cost.
func costOf(m *store.Meter) string { return fmt.Sprintf("%.1f read units", m.Units()) }
