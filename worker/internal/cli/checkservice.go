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

	"github.com/worker-tier/worker-tier/worker/internal/health"
	"github.com/worker-tier/worker-tier/worker/internal/nagios"
	"github.com/worker-tier/worker-tier/worker/internal/socket"
)

type checkServiceCommand struct {
	plugin `embed:""`
	Socket string `default:"/run/worker/watch.sock" help:"Socket at which the worker may be watched."`
	Unit   string `default:"worker" help:"systemd unit that runs the worker."`
}

// Help is shown by 'worker check service --help'.
func (c *checkServiceCommand) Help() string {
	return `Runs on the instance, for example from NRPE, as any user. It asks the worker and, if no worker answers, systemd. It needs no AWS credentials.

  OK        the worker takes jobs, its content type is paused, or its instance waits in a warm pool
  WARNING   the worker starts or drains, or systemd is restarting it
  CRITICAL  a loop of the worker hangs, it does not answer, its slots do not run, its table or queue does not answer, its instance cannot begin jobs, each job fails, or no worker runs here (with the state of its unit)
  UNKNOWN   this user may not open the socket, or another program answers on it

restarts counts how often systemd has restarted the worker.

  worker OK: slots: 2 of 2 run, 1 busy; pause: content type is not paused; table: answered 4s ago; queue: no receive fails|restarts=0c;;;0
  worker WARNING: draining (signal: terminated): 1 jobs in progress|restarts=0c;;;0
  worker CRITICAL: no worker runs here; worker.service is failed (failed), restarted 10 times, result watchdog: see journalctl --unit=worker.service|restarts=10c;;;0

Exit status 0: OK, 1: WARNING, 2: CRITICAL, 3: UNKNOWN.`
}

func (c *checkServiceCommand) Run(ctx context.Context, e *env) error {
	return c.answer(ctx, e.out.To, "worker", func(ctx context.Context) (verdict, error) {
		v, err := c.ask(ctx)
		unit := showUnit(ctx, c.Unit)
		if errors.Is(err, socket.ErrNoWorker) {
			v, err = unit.verdict(), nil
		}
		if restarts, numbered := unit.restarts(); numbered && err == nil {
			v.metrics = append(v.metrics, nagios.Metric{Label: "restarts", Value: float64(restarts), Unit: "c", Min: new(0.0)})
		}
		return v, err
	})
}

// silence is the longest time in which a healthy worker answers on its socket. It answers from its own memory.
const silence = 4 * time.Second

// ask reads the reports of the worker and judges them.
func (c *checkServiceCommand) ask(ctx context.Context) (verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	alive, err := socket.Report(ctx, c.Socket, socket.AlivePath)
	var ready health.Report
	if err == nil {
		ready, err = socket.Report(ctx, c.Socket, socket.ReadyPath)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return verdict{state: nagios.Critical, text: fmt.Sprintf("the worker has not answered at %s: it is stopped, or the instance has too much to do", c.Socket)}, nil
	case errors.Is(err, os.ErrPermission):
		return verdict{}, fmt.Errorf("this user may not enter %s: is it the socket for watching (watch.sock)?", c.Socket)
	case err != nil:
		return verdict{}, err
	}
	return judgeReports(alive, ready), nil
}

// stages are the checks that follow a worker from its start to its end. If one fails, the later checks fail because of it.
var stages = map[string]nagios.State{
	health.Start:   nagios.Warning, // the worker waits for AWS
	health.Service: nagios.OK,      // a warm pool
	health.Drain:   nagios.Warning,
}

// judgeReports returns the state that the worker's own reports amount to.
func judgeReports(alive, ready health.Report) verdict {
	if !alive.OK {
		return verdict{state: nagios.Critical, text: alive.Failed()}
	}
	v := verdict{state: nagios.OK}
	var said []string
	for _, c := range ready.Checks {
		state, stage := stages[c.Name]
		switch {
		case stage && !c.OK:
			return verdict{state: state, text: c.Detail}
		case stage: // passed: not worth a word
		case !c.OK && c.Name != "pause": // a pause is intended
			v.state = nagios.Critical
			said = slices.Insert(said, 0, c.Name+": "+c.Detail)
		default:
			said = append(said, c.Name+": "+c.Detail)
		}
	}
	v.text = strings.Join(said, "; ")
	return v
}

// unit is the state of a systemd unit.
type unit struct {
	name       string
	properties map[string]string
	err        error // the state could not be read
}

// showUnit asks systemd for the state of a unit, as any user may. Plugins call programs by their full paths.
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

// restarts returns how often systemd has restarted the unit, if systemd counts that.
func (u unit) restarts() (int, bool) {
	n, err := strconv.Atoi(u.properties["NRestarts"])
	return n, err == nil
}

// verdict returns the state if no worker answers.
func (u unit) verdict() verdict {
	const none = "no worker runs here; "
	state := fmt.Sprintf("%s is %s (%s)", u.name, u.properties["ActiveState"], u.properties["SubState"])
	if n, ok := u.restarts(); ok && n > 0 {
		state += fmt.Sprintf(", restarted %s", times(int64(n)))
	}
	switch {
	case u.err != nil:
		return verdict{state: nagios.Critical, text: none + u.err.Error()}
	case u.properties["LoadState"] == "not-found":
		return verdict{state: nagios.Critical, text: none + "systemd has no unit " + u.name}
	case u.properties["ActiveState"] == "active":
		return verdict{state: nagios.Critical, text: state + ", and no worker answers: is the socket another (--socket)?"}
	case slices.Contains([]string{"activating", "deactivating", "reloading"}, u.properties["ActiveState"]):
		return verdict{state: nagios.Warning, text: state}
	}
	return verdict{state: nagios.Critical, text: none + state + ", result " + u.properties["Result"] + ": see journalctl --unit=" + u.name}
}
