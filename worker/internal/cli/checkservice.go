package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/NETWAYS/go-check"

	"github.com/worker-tier/worker-tier/worker/internal/control"
	"github.com/worker-tier/worker-tier/worker/internal/health"
)

type checkServiceCommand struct {
	plugin `embed:""`
	Socket string `default:"/run/worker/watch.sock" help:"Socket at which the worker may be watched."`
	Unit   string `default:"worker" help:"systemd unit that runs the worker."`
}

// Help is shown by 'worker check service --help'.
func (c *checkServiceCommand) Help() string {
	return `Run on the instance, by NRPE for example; any user may. It asks the worker and, if none answers, systemd; neither AWS nor credentials.

  OK        it takes jobs; or its content type is paused, or its instance waits in a warm pool
  WARNING   it starts, drains, or is being started again
  CRITICAL  a loop of it hangs, it does not answer, its processes do not run, its table or queue does not answer; or no worker runs here, and what systemd says
  UNKNOWN   the socket may not be entered, or what answers there is no worker

restarts is how often systemd has started the worker again.

  worker OK: slots: 2 of 2 run, 1 busy; pause: content type is not paused; table: answered 4s ago; queue: no receive fails|restarts=0c;;;0
  worker WARNING: draining (signal: terminated): 1 jobs in progress|restarts=0c;;;0
  worker CRITICAL: no worker runs here; worker.service is failed (failed), restarted 10 times, result watchdog: see journalctl --unit=worker.service|restarts=10c;;;0

Exit status 0: OK, 1: WARNING, 2: CRITICAL, 3: UNKNOWN.`
}

func (c *checkServiceCommand) Run(ctx context.Context, e *env) error {
	return c.answer(ctx, e.out, "worker", func(ctx context.Context) (verdict, error) {
		v, err := c.ask(ctx)
		unit := showUnit(ctx, c.Unit)
		if errors.Is(err, control.ErrNoWorker) {
			v, err = unit.verdict(), nil
		}
		if restarts, numbered := unit.restarts(); numbered && err == nil {
			v.figures.Add(&check.Perfdata{Label: "restarts", Value: restarts, Uom: "c", Min: 0})
		}
		return v, err
	})
}

// silence is how long a worker that lives takes at most to answer at its socket; it looks at nothing but its own memory for that.
const silence = 4 * time.Second

// ask asks the worker for its reports.
func (c *checkServiceCommand) ask(ctx context.Context) (verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	alive, err := control.Report(ctx, c.Socket, control.AlivePath)
	var ready health.Report
	if err == nil {
		ready, err = control.Report(ctx, c.Socket, control.ReadyPath)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return verdict{status: check.Critical, text: fmt.Sprintf("the worker has not answered at %s: it is stopped, or the machine has too much to do", c.Socket)}, nil
	case errors.Is(err, os.ErrPermission):
		return verdict{}, fmt.Errorf("this user may not enter %s: is it the socket for watching (watch.sock)?", c.Socket)
	case err != nil:
		return verdict{}, err
	}
	return judgeReports(alive, ready), nil
}

// stages are the checks of a worker's way from its start to its end. Where one of them fails, those after it are what comes of that.
var stages = map[string]check.Status{
	"start":   check.Warning, // AWS is waited for
	"service": check.OK,      // a warm pool
	"drain":   check.Warning,
}

// judgeReports says what a worker's own words come to.
func judgeReports(alive, ready health.Report) verdict {
	if !alive.OK {
		return verdict{status: check.Critical, text: alive.Failed()}
	}
	v := verdict{status: check.OK}
	var said []string
	for _, c := range ready.Checks {
		status, stage := stages[c.Name]
		switch {
		case stage && !c.OK:
			return verdict{status: status, text: c.Detail}
		case stage: // nothing to tell
		case !c.OK && c.Name != "pause": // which somebody wants
			v.status = check.Critical
			said = slices.Insert(said, 0, c.Name+": "+c.Detail)
		default:
			said = append(said, c.Name+": "+c.Detail)
		}
	}
	v.text = strings.Join(said, "; ")
	return v
}

// unit is what systemd says of a unit.
type unit struct {
	name       string
	properties map[string]string
	err        error // systemd says nothing
}

// showUnit asks systemd, which tells everybody. The full path is what plugins call.
// https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.systemd1.html
func showUnit(ctx context.Context, name string) unit {
	if !strings.Contains(name, ".") {
		name += ".service"
	}
	u := unit{name: name, properties: map[string]string{}}
	said, err := exec.CommandContext(ctx, "/usr/bin/systemctl", "show", "--property=LoadState,ActiveState,SubState,Result,NRestarts", "--", name).Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		err = errors.New(strings.TrimSpace(string(failed.Stderr)))
	}
	if err != nil {
		u.err = fmt.Errorf("systemd does not say more: %w", err)
	}
	for line := range strings.Lines(string(said)) {
		property, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		u.properties[property] = value
	}
	return u
}

// restarts is how often systemd has started the unit again, if it counts.
func (u unit) restarts() (int, bool) {
	n, err := strconv.Atoi(u.properties["NRestarts"])
	return n, err == nil
}

// verdict is what it means that no worker answers.
func (u unit) verdict() verdict {
	const none = "no worker runs here; "
	state := fmt.Sprintf("%s is %s (%s)", u.name, u.properties["ActiveState"], u.properties["SubState"])
	if n, ok := u.restarts(); ok && n > 0 {
		state += fmt.Sprintf(", restarted %s", times(int64(n)))
	}
	switch {
	case u.err != nil:
		return verdict{status: check.Critical, text: none + u.err.Error()}
	case u.properties["LoadState"] == "not-found":
		return verdict{status: check.Critical, text: none + "systemd has no unit " + u.name}
	case u.properties["ActiveState"] == "active":
		return verdict{status: check.Critical, text: state + ", and no worker answers: is the socket another (--socket)?"}
	case slices.Contains([]string{"activating", "deactivating", "reloading"}, u.properties["ActiveState"]):
		return verdict{status: check.Warning, text: state}
	}
	return verdict{status: check.Critical, text: none + state + ", result " + u.properties["Result"] + ": see journalctl --unit=" + u.name}
}
