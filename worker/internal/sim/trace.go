package sim

import (
	"context"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"log/slog"
	"strings"
	"time"
)

// trace records what happens: as a hash always, as lines where somebody wants to read them.
type trace struct {
	hash hash.Hash64
	to   io.Writer
}

func newTrace(to io.Writer) *trace { return &trace{hash: fnv.New64a(), to: to} }

func (t *trace) add(at time.Duration, line string) {
	_, _ = fmt.Fprintf(t.hash, "%d %s\n", at, line)
	t.print(at, line)
}

func (t *trace) print(at time.Duration, line string) {
	if t.to != nil {
		_, _ = fmt.Fprintf(t.to, "%14.6f  %s\n", at.Seconds(), line)
	}
}

// logger shows what the core logs between the lines of the trace.
func (w *world) logger(name string) *slog.Logger {
	if w.trace.to == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(&logLines{world: w, prefix: name + ": log: "})
}

type logLines struct {
	world  *world
	prefix string
	attrs  []slog.Attr
}

func (*logLines) Enabled(context.Context, slog.Level) bool { return true }

func (l *logLines) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(l.prefix + r.Message)
	add := func(a slog.Attr) bool { fmt.Fprintf(&b, " %s=%v", a.Key, a.Value); return true }
	for _, a := range l.attrs {
		add(a)
	}
	r.Attrs(add)
	l.world.trace.print(l.world.now, b.String())
	return nil
}

func (l *logLines) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logLines{l.world, l.prefix, append(append([]slog.Attr(nil), l.attrs...), attrs...)}
}

func (l *logLines) WithGroup(string) slog.Handler { return l }
