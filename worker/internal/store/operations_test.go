package store_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/store"
)

// operation is a write of the protocol and the writes that make a job to which it applies.
type operation struct {
	of    string // the function of package job
	after []job.Write
	write job.Write
}

// operations are all functions of package job that return a write, each in all its forms.
func operations() map[string]operation {
	a := holder(1, "a")
	submitted := []job.Write{job.Submit(key, work, now)}
	running := []job.Write{job.ClaimSubmission(key, work, "a", lease, now)}
	then := func(writes []job.Write, more ...job.Write) []job.Write { return slices.Concat(writes, more) }
	at3 := job.Checkpoint{Seq: 3, Cursor: `{"at":"z"}`, Version: "mail@1", Position: job.Position{Done: 3, Total: 9, Unit: "messages"}}
	at4 := job.Checkpoint{Seq: 4, Cursor: "", Version: "", Position: job.Position{}} // DynamoDB keeps empty strings, too
	spilled := job.Checkpoint{Seq: 5, Ref: "jobs/mail/one/cursor.1.5.x", Version: "mail@1"}
	large := job.Submission{PayloadRef: "jobs/mail/one/payload.x", Payload: work.Payload}
	saved := then(running, job.SaveCheckpoint(a, at3, now))
	dead := then(running, job.Finish(a, job.End{State: job.Dead, FailureLimit: 10, Reason: "bad"}, now))
	crashed := func(j job.Job) job.Job { j.Key, j.Epoch, j.Owner = key, 1, "a"; return j }
	ringAt := now.Add(job.RingDelay(0))
	return map[string]operation{
		"submit":                  {"Submit", nil, job.Submit(key, work, now)},
		"claim of a submission":   {"ClaimSubmission", nil, job.ClaimSubmission(key, work, "a", lease, now)},
		"claim of a READY job":    {"ClaimReady", submitted, job.ClaimReady(key, 0, "a", lease, now)},
		"heartbeat":               {"Heartbeat", running, job.Heartbeat(a, now)},
		"heartbeat with progress": {"HeartbeatProgress", running, job.HeartbeatProgress(a, at3.Position, job.Pace{PerSecond: 1.5, Error: 0.25}, now)},
		"checkpoint":              {"SaveCheckpoint", running, job.SaveCheckpoint(a, at3, now)},
		"checkpoint, all empty":   {"SaveCheckpoint", saved, job.SaveCheckpoint(a, at4, now)},
		"submit, spilled":         {"Submit", nil, job.Submit(key, large, now)},
		"checkpoint, spilled":     {"SaveCheckpoint", saved, job.SaveCheckpoint(a, spilled, now)},
		"checkpoint, small again": {"SaveCheckpoint", then(running, job.SaveCheckpoint(a, spilled, now)), job.SaveCheckpoint(a, job.Checkpoint{Seq: 6, Cursor: "1"}, now)},
		"release, spilled":        {"HandBack", saved, job.HandBack(a, job.Return{Drained: true, BellAt: now, Checkpoint: &spilled}, now)},
		"done, spilled":           {"Finish", saved, job.Finish(a, job.End{State: job.Done, Checkpoint: &spilled}, now)},
		"release":                 {"HandBack", saved, job.HandBack(a, job.Return{Drained: true, BellAt: now, Checkpoint: &at4}, now)},
		"retry":                   {"HandBack", running, job.HandBack(a, job.Return{FailureLimit: 10, Error: "no\x00 \"route\" \u2028🙂", NotBefore: now.Add(time.Hour), BellAt: now.Add(time.Hour)}, now)},
		"done":                    {"Finish", running, job.Finish(a, job.End{State: job.Done, Checkpoint: &at3}, now)},
		"dead":                    {"Finish", running, job.Finish(a, job.End{State: job.Dead, FailureLimit: 10, Reason: strings.Repeat("bad ", 200)}, now)},
		"cancelled by its holder": {"Finish", then(running, job.Cancel(key, new(at(1, job.Running)), now)), job.Finish(a, job.End{State: job.Cancelled}, now)},
		"reap to READY":           {"Reap", saved, job.Reap(crashed(job.Job{Heartbeats: 1, Cursor: at3.Cursor}), 5, now)},
		"reap to DEAD":            {"Reap", saved, job.Reap(crashed(job.Job{Heartbeats: 1}), 1, now)},
		"reap to CANCELLED":       {"Reap", then(running, job.Cancel(key, new(at(1, job.Running)), now)), job.Reap(crashed(job.Job{CancelRequested: true}), 5, now)},
		"ring":                    {"Ring", submitted, job.Ring(job.Job{Key: key, RingAt: ringAt}, ringAt)},
		"park":                    {"Park", then(running, job.Pause(at(1, job.Running), now), job.HandBack(a, job.Return{BellAt: now}, now)), job.Park(at(2, job.Ready))},
		"cancel without a job":    {"Cancel", nil, job.Cancel(key, nil, now)},
		"cancel of a READY job":   {"Cancel", submitted, job.Cancel(key, new(at(0, job.Ready)), now)},
		"cancel of a RUNNING job": {"Cancel", running, job.Cancel(key, new(at(1, job.Running)), now)},
		"pause of a READY job":    {"Pause", submitted, job.Pause(at(0, job.Ready), now)},
		"pause of a RUNNING job":  {"Pause", running, job.Pause(at(1, job.Running), now)},
		"resume of a READY job":   {"Resume", then(submitted, job.Pause(at(0, job.Ready), now)), job.Resume(steered(1, 0, job.Ready), now)},
		"resume of a RUNNING job": {"Resume", then(running, job.Pause(at(1, job.Running), now)), job.Resume(steered(1, 1, job.Running), now)},
		"retry of a READY job":    {"Retry", then(running, job.HandBack(a, job.Return{FailureLimit: 10, NotBefore: now.Add(time.Hour), BellAt: now.Add(time.Hour)}, now)), job.Retry(at(2, job.Ready), now)},
		"redrive":                 {"Redrive", dead, job.Redrive(at(2, job.Dead), now)},
		"giving up a DEAD job":    {"GiveUp", dead, job.GiveUp(at(2, job.Dead), now)},
		"erasing a DONE job":      {"Erase", then(saved, job.Finish(a, job.End{State: job.Done, Checkpoint: &spilled}, now)), job.Erase(at(2, job.Done), now.Add(time.Second))},
	}
}

// TestEveryOperationIsHeldToTheCases finds the functions that return a write in the source of package job.
func TestEveryOperationIsHeldToTheCases(t *testing.T) {
	files, err := filepath.Glob("../job/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files (%v)", len(files), err)
	}
	var exist []string
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && f.Name.IsExported() && f.Type.Results != nil && fmt.Sprint(f.Type.Results.List[0].Type) == "Write" {
				exist = append(exist, f.Name.Name)
			}
		}
	}
	held := map[string]bool{}
	for _, o := range operations() {
		held[o.of] = true
	}
	slices.Sort(exist)
	if diff := cmp.Diff(exist, slices.Sorted(maps.Keys(held))); diff != "" {
		t.Errorf("operations (-in package job +in the table):\n%s", diff)
	}
}

// TestOperationsAreApplied: each operation leaves in every implementation exactly what the write says,
// which is what memory makes of it.
func TestOperationsAreApplied(t *testing.T) {
	forEach(t, func(t *testing.T, s table) {
		for name, o := range onOwnKeys() {
			model := store.NewMemory()
			for _, w := range append(o.after, o.write) {
				want, err := model.Write(t.Context(), w)
				if err != nil {
					t.Fatalf("%s: %s: %v", name, w.Op, err)
				}
				got, err := s.Write(t.Context(), w)
				if err != nil {
					t.Fatalf("%s: %s: %v", name, w.Op, err)
				}
				stored, err := s.Get(t.Context(), w.Key)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got) + cmp.Diff(want, stored); diff != "" {
					t.Errorf("%s: item after %s (-want +answered, -want +stored):\n%s", name, w.Op, diff)
				}
			}
		}
	})
}

// TestUnreadWritesAreAppliedAndReturnNoItem, but say why they are refused.
func TestUnreadWritesAreAppliedAndReturnNoItem(t *testing.T) {
	forEach(t, func(t *testing.T, s table) {
		for name, o := range onOwnKeys() {
			for _, w := range o.after {
				if _, err := s.Write(t.Context(), w); err != nil {
					t.Fatalf("%s: %s: %v", name, w.Op, err)
				}
			}
			w := o.write
			w.Unread = true
			before, err := s.Get(t.Context(), w.Key)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.Write(t.Context(), w); err != nil || got != nil {
				t.Errorf("%s: answered %v, error %v", name, got, err)
			}
			if after, err := s.Get(t.Context(), w.Key); err != nil || cmp.Equal(before, after) {
				t.Errorf("%s: the item is as before: %v, error %v", name, after, err)
			}
			w.If = []job.Cond{{Attr: contract.AttrKey, Op: job.Absent}}
			if _, err := s.Write(t.Context(), w); !errors.As(err, new(*job.RefusedError)) {
				t.Errorf("%s where the item is there and must not be: %v", name, err)
			}
		}
	})
}

// TestOperationsAreRefused breaks each condition of each operation alone, in each way there is, and
// applies the operation.
func TestOperationsAreRefused(t *testing.T) {
	forEach(t, func(t *testing.T, s table) {
		n := 0
		for name, o := range onOwnKeys() {
			for i, cond := range o.write.If {
				for how, bend := range breaks(cond) {
					n++
					o := o.on(fmt.Sprintf("%s-%d-%s", strings.ReplaceAll(o.write.Key, "#", "-"), i, how))
					bend.Key = o.write.Key
					refuse(t, s, fmt.Sprintf("%s with %s %s", name, cond.Attr, how), append(o.after, bend), o.write)
				}
			}
			if !slices.ContainsFunc(o.write.If, func(c job.Cond) bool { return c.Op != job.Absent }) {
				continue
			}
			n++
			refuse(t, s, name+" without an item", nil, o.on("nowhere").write)
		}
		t.Logf("%d refusals", n)
	})
}

// onOwnKeys gives each operation a job of its own, so that all of them fit into one table.
func onOwnKeys() map[string]operation {
	all := operations()
	for name, o := range all {
		all[name] = o.on(strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", ""))
	}
	return all
}

// on is the operation on the job with another id.
func (o operation) on(id string) operation {
	k := job.Key{ContentType: key.ContentType, ID: id}.String()
	o.after, o.write.Key = slices.Clone(o.after), k
	for i := range o.after {
		o.after[i].Key = k
	}
	return o
}

// breaks are the writes after which a condition that held does not hold; the other conditions of the
// operation, which are on other attributes, are left as they are.
func breaks(c job.Cond) map[string]job.Write {
	set := func(v any) job.Write { return job.Write{Op: "bend", Set: job.Item{c.Attr: v}} }
	if c.Op == job.Absent && c.Attr == contract.AttrKey {
		return map[string]job.Write{"there": job.Submit(key, work, now)}
	}
	if c.Op == job.Absent {
		return map[string]job.Write{"true": set(true), "false": set(false)}
	}
	all := map[string]job.Write{
		"missing":         {Op: "bend", Remove: []string{c.Attr}},
		"of another type": set(map[bool]any{true: int64(1), false: "1"}[isText(c.Value)]),
	}
	switch v := c.Value.(type) {
	case string:
		all["another"], all["empty"], all["longer"] = set("x"+v), set(""), set(v+" ")
	case bool:
		all["another"] = set(!v)
	case int64:
		all["greater"] = set(v + 1)
		if c.Op == job.Equal {
			all["less"] = set(v - 1)
		}
		if c.Op == job.Less {
			all["equal"] = set(v)
		}
	}
	return all
}

func isText(v any) bool { _, ok := v.(string); return ok }

// refuse applies w after other writes; it must be refused and leave the item alone.
func refuse(t *testing.T, s table, what string, after []job.Write, w job.Write) {
	t.Helper()
	for _, w := range after {
		if _, err := s.Write(t.Context(), w); err != nil {
			t.Fatalf("%s: %s: %v", what, w.Op, err)
		}
	}
	before, err := s.Get(t.Context(), w.Key)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Write(t.Context(), w)
	refusal, ok := errors.AsType[*job.RefusedError](err)
	if !ok {
		t.Fatalf("%s: %v, want a refusal; the item was %v", what, err, before)
	}
	stored, err := s.Get(t.Context(), w.Key)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, stored); diff != "" {
		t.Errorf("%s: the refusal changed the item (-before +after):\n%s", what, diff)
	}
	// All of these stores tell the item of a refusal; package lease does not depend on it.
	if diff := cmp.Diff(before, refusal.Current); diff != "" {
		t.Errorf("%s: the refusal carries another item (-stored +carried):\n%s", what, diff)
	}
}
