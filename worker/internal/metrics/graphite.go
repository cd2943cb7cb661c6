package metrics

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

const (
	// pushInterval is the period in which Graphite's default schema keeps values.
	// https://graphite.readthedocs.io/en/latest/config-carbon.html#storage-schemas-conf
	pushInterval = time.Minute
	// pushTimeout bounds one push: finding the address, connecting and writing.
	pushTimeout = 5 * time.Second
)

// Graphite sends metrics to a carbon in the plaintext protocol, each minute.
// https://graphite.readthedocs.io/en/latest/feeding-carbon.html#the-plaintext-protocol
type Graphite struct {
	Address  string // host and port
	Prefix   string // of all names, see [GraphitePrefix]
	Families func() []Family
	Log      *slog.Logger

	failing bool
}

// GraphitePrefix starts the names of one worker's metrics: "<tier>.<environment>.<content type>.<instance>.".
func GraphitePrefix(s contract.Settings, instance string) string {
	return strings.Join([]string{node(s.Tier), node(s.Environment), node(s.ContentType), node(instance), ""}, ".")
}

// Run sends each minute until ctx ends, and once as soon as drained is closed. A push that fails costs its values and nothing
// else; of several in a row the first is told.
func (g *Graphite) Run(ctx context.Context, drained <-chan struct{}) {
	ticker := time.NewTicker(pushInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-drained:
			drained = nil
		case <-ctx.Done():
			select {
			case <-drained:
				g.push(ctx)
			default:
			}
			return
		}
		g.push(ctx)
	}
}

func (g *Graphite) push(ctx context.Context) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), pushTimeout) // the last one comes when ctx ends
	defer cancel()
	err := g.send(bounded)
	if err != nil && !g.failing {
		g.Log.WarnContext(ctx, "Graphite does not take the metrics, trying on without a word", contract.EnvGraphite, g.Address, "error", err.Error())
	}
	if err == nil && g.failing {
		g.Log.InfoContext(ctx, "Graphite takes the metrics again", contract.EnvGraphite, g.Address)
	}
	g.failing = err != nil
}

func (g *Graphite) send(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", g.Address)
	if err != nil {
		return err
	}
	deadline, _ := ctx.Deadline()
	if err = conn.SetDeadline(deadline); err == nil {
		_, err = conn.Write(g.lines(time.Now()))
	}
	return errors.Join(err, conn.Close())
}

// lines are the families at a moment, "<name> <value> <seconds since 1970>" each. The values of labels are nodes of the name.
func (g *Graphite) lines(at time.Time) []byte {
	var text bytes.Buffer
	stamp := " " + strconv.FormatInt(at.Unix(), 10) + "\n"
	for _, f := range g.Families() {
		f.Read(func(value float64, labels ...string) {
			text.WriteString(g.Prefix + f.Name)
			for _, label := range labels {
				text.WriteString("." + node(label))
			}
			text.WriteString(" " + number(value) + stamp)
		})
	}
	return text.Bytes()
}

// node is a text as one node of a name: letters, digits, - and _.
func node(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, text)
}
