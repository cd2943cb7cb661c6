package localec2

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// refreshPath is where the local AWS says which instance refreshes run, and takes reports (test/localaws/refresh.py).
const refreshPath = "/local-ec2/refreshes"

// refresh is an instance refresh that the local AWS has started for an update of a stack.
type refresh struct {
	ID    string `json:"id"`
	Group string `json:"group"`
	Least int    `json:"least"` // percent of the desired capacity that stays in service
	Most  int    `json:"most"`  // percent of it that may run, beginning instances included
}

// refreshReport ends a refresh.
type refreshReport struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Reason string `json:"reason"`
}

// rolling is a refresh that this launcher carries out.
type rolling struct {
	refresh
	old map[*Instance]bool // what it found, all of which is replaced
}

// refreshes asks which refreshes run. Those that are new begin: whatever their groups hold now is replaced. It is asked before the groups
// are read, which then name the launch template of the update.
func (l *Launcher) refreshes(ctx context.Context) error {
	var running []refresh
	if err := l.exchange(ctx, map[string]any{"launcher": l.id}, &running); err != nil {
		return err
	}
	rolls := map[string]*rolling{}
	for _, r := range running {
		known := l.rolls[r.Group]
		if known == nil || known.ID != r.ID {
			known = &rolling{refresh: r, old: map[*Instance]bool{}}
			for _, i := range l.capacity(r.Group) {
				known.old[i] = true
			}
			l.options.Log.InfoContext(ctx, "instance refresh begins", "group", r.Group, "instances", len(known.old))
		}
		rolls[r.Group] = known
	}
	l.rolls = rolls
	return nil
}

// wanted is how many instances a group is to hold: more than its desired capacity while a refresh goes on that replaces instances
// before it takes the old ones away.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-maintenance-policy-overview-and-considerations.html
func (l *Launcher) wanted(g group) int {
	r := l.rolls[g.name]
	if r == nil || r.left(l) == 0 || r.Least < 100 {
		return g.desired
	}
	return g.desired + max(1, g.desired*(r.Most-100)/100)
}

// left counts the old instances that the group still holds.
func (r *rolling) left(l *Launcher) (n int) {
	for _, i := range l.capacity(r.Group) {
		if r.old[i] {
			n++
		}
	}
	return n
}

// roll takes a refresh a step on: an old instance leaves if enough others are in service. The refresh has succeeded when all old
// ones have ended and the group is at its desired capacity, in service.
func (l *Launcher) roll(ctx context.Context, g group) error {
	r := l.rolls[g.name]
	if r == nil {
		return nil
	}
	least := (g.desired*r.Least + 99) / 100
	serving := 0
	for _, i := range l.capacity(g.name) {
		if l.InService(i) {
			serving++
		}
	}
	for _, i := range l.capacity(g.name) {
		counts := l.InService(i)
		if !r.old[i] || counts && serving <= least {
			continue
		}
		if counts {
			serving--
		}
		l.takeAway(ctx, i)
	}
	if serving < g.desired || r.left(l) > 0 {
		return nil
	}
	for i := range r.old {
		select {
		case <-i.Machine.Done():
		default:
			return nil // it drains
		}
	}
	l.options.Log.InfoContext(ctx, "instance refresh done", "group", g.name)
	done := refreshReport{r.ID, "Successful", "all instances were replaced"}
	return l.exchange(ctx, map[string]any{"launcher": l.id, "reports": []refreshReport{done}}, nil)
}

// exchange sends a message to the local AWS and reads its answer.
func (l *Launcher) exchange(ctx context.Context, message, answer any) error {
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.options.Endpoint+refreshPath, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask for instance refreshes: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("ask for instance refreshes: %s (%w)", res.Status, err)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
