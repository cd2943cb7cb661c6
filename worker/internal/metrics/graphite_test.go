package metrics_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
)

// carbon takes pushes at an address, one text each.
func carbon(t *testing.T, address string) (pushes chan string, at string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	pushes = make(chan string, 100)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			text, _ := io.ReadAll(conn)
			_ = conn.Close()
			pushes <- string(text)
		}
	}()
	return pushes, l.Addr().String()
}

// pusher pushes two families to an address.
func pusher(address string, log io.Writer) *metrics.Graphite {
	return &metrics.Graphite{
		Address: address, Prefix: metrics.GraphitePrefix(contract.Settings{Tier: "tier", Environment: "prod", ContentType: "mail"}, "ip-10.eu/1"),
		Log: slog.New(slog.NewTextHandler(log, nil)),
		Families: func() []metrics.Family {
			return []metrics.Family{
				{Name: "worker_slots", Read: metrics.One(func() float64 { return 2 })},
				{Name: "worker_requests_total", Labels: []string{"service", "status"}, Read: func(add metrics.Add) { add(7.5, "Auto Scaling", "200") }},
			}
		},
	}
}

func TestGraphiteIsToldEachMinuteAndAtTheEndOfADrain(t *testing.T) {
	pushes, address := carbon(t, "127.0.0.1:0")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		g, drained, ended := pusher(address, io.Discard), make(chan struct{}), make(chan struct{})
		begin := time.Now().Unix()
		go func() { g.Run(ctx, drained); close(ended) }()
		time.Sleep(2*time.Minute + 30*time.Second)
		close(drained)
		cancel() // at once: the worker ends with its drain
		<-ended
		for _, after := range []int64{60, 120, 150} {
			stamp := begin + after
			want := strings.ReplaceAll("tier.prod.mail.ip-10_eu_1.worker_slots 2 AT\ntier.prod.mail.ip-10_eu_1.worker_requests_total.Auto_Scaling.200 7.5 AT\n", "AT", strconv.FormatInt(stamp, 10))
			if diff := cmp.Diff(want, <-pushes); diff != "" {
				t.Errorf("after %d s (-want +got):\n%s", after, diff)
			}
		}
	})
	if len(pushes) > 0 {
		t.Errorf("%d pushes too many", len(pushes))
	}
}

// An unreachable carbon costs a warning, not one a minute.
func TestGraphiteThatIsAwayIsNamedOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		pusher(address, &log).Run(ctx, nil)
	})
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "connection refused") {
		t.Errorf("in ten minutes without a carbon, the log says:\n%s", log.String())
	}
	g := pusher(address, &log)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		g.Run(ctx, nil)
	})
	pushes, _ := carbon(t, address)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute+time.Second)
		defer cancel()
		g.Run(ctx, nil)
	})
	for range 3 {
		<-pushes
	}
	if n := strings.Count(log.String(), "Graphite takes the metrics again"); n != 1 {
		t.Errorf("it was back %d times; the log says:\n%s", n, log.String())
	}
}
