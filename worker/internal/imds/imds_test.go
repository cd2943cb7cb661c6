package imds

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/localec2/fakeimds"
	"github.com/worker-tier/worker-tier/worker/internal/drain"
)

func start(t *testing.T) (*fakeimds.Server, *Client) {
	t.Helper()
	server, err := fakeimds.Start(fakeimds.Identity{InstanceID: "i-0123456789abcdef0", Region: "us-east-1", Zone: "us-east-1b", Group: "tier-mail"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server, New(aws.Config{Region: "us-east-1", ConfigSources: []any{endpoint(server.URL)}})
}

// endpoint is how the SDK's configuration carries AWS_EC2_METADATA_SERVICE_ENDPOINT.
type endpoint string

func (e endpoint) GetEC2IMDSEndpoint() (string, bool, error) { return string(e), true, nil }

func TestDiscover(t *testing.T) {
	_, client := start(t)
	got, err := client.Discover(t.Context())
	if want := (Instance{ID: "i-0123456789abcdef0", Group: "tier-mail"}); err != nil || got != want {
		t.Errorf("discovered %+v, error %v, want %+v", got, err, want)
	}
}

func TestDiscoverOffEC2(t *testing.T) {
	client := New(aws.Config{ConfigSources: []any{endpoint("http://127.0.0.1:1")}})
	begin := time.Now()
	if got, err := client.Discover(t.Context()); err == nil {
		t.Errorf("discovered %+v where nobody answers", got)
	}
	if took := time.Since(begin); took > discoverTimeout+time.Second {
		t.Errorf("took %s", took)
	}
}

// TestNothingIsAskedWithoutAToken: a service that gives no tokens may be a proxy that somebody has set up. What it answers to
// requests of version 1 is not believed.
func TestNothingIsAskedWithoutAToken(t *testing.T) {
	for _, refusal := range []int{http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed} {
		asked := atomic.Int32{}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				w.WriteHeader(refusal)
				return
			}
			asked.Add(1)
			_, _ = io.WriteString(w, "i-0123456789abcdef0")
		}))
		client := New(aws.Config{Region: "us-east-1", ConfigSources: []any{endpoint(server.URL)}})
		if got, err := client.Discover(t.Context()); err == nil || asked.Load() != 0 {
			t.Errorf("tokens are refused with %d: discovered %+v, error %v, after %d questions", refusal, got, err, asked.Load())
		}
		server.Close()
	}
}

var quiet = slog.New(slog.DiscardHandler)

// watched collects what a watch takes.
type watched struct {
	mu     sync.Mutex
	causes []*drain.Cause
}

func (w *watched) take(c *drain.Cause) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.causes = append(w.causes, c)
}

func (w *watched) sources() (sources []drain.Source) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.causes {
		sources = append(sources, c.Source)
	}
	return sources
}

func TestNoticesBecomeCauses(t *testing.T) {
	server, client := start(t)
	var got watched
	poller := client.Poller(quiet, true, got.take)
	look := func(want ...drain.Source) {
		t.Helper()
		poller.Poll(t.Context())
		if diff := cmp.Diff(want, got.sources()); diff != "" {
			t.Errorf("taken (-want +got):\n%s", diff)
		}
	}
	look()
	server.RecommendRebalance(time.Now())
	look(drain.Rebalance)
	server.InterruptSpot(time.Now().Add(2 * time.Minute))
	look(drain.Rebalance, drain.Spot)
	server.SetTargetState("Terminated")
	look(drain.Rebalance, drain.Spot, drain.Lifecycle)
	look(drain.Rebalance, drain.Spot, drain.Lifecycle) // each once
	for i, budget := range []time.Duration{time.Second, 90 * time.Second, time.Second} {
		if c := got.causes[i]; c.Budget(time.Second) != budget || c.Detail == "" {
			t.Errorf("%v has the budget %s, want %s", c, c.Budget(time.Second), budget)
		}
	}
}

func TestRebalanceIsNotLookedForUnasked(t *testing.T) {
	server, client := start(t)
	server.RecommendRebalance(time.Now())
	var got watched
	if client.Poller(quiet, false, got.take).Poll(t.Context()); len(got.causes) > 0 {
		t.Errorf("took %v", got.sources())
	}
}

// A look costs a request for each notice, so that a minute of twelve looks costs 24, or 36; the token
// that comes first lasts for minutes. Nothing is ever asked without one (IMDSv1).
func TestRequestsOfAPoller(t *testing.T) {
	for rebalance, want := range map[bool]int{false: 24, true: 36} {
		server, client := start(t)
		poller := client.Poller(quiet, rebalance, func(*drain.Cause) {})
		for range int(time.Minute / pollInterval) {
			poller.Poll(t.Context())
		}
		tokens, asked := 0, 0
		for _, r := range server.Requests() {
			switch {
			case r.Method == http.MethodPut:
				tokens++
			case r.Token:
				asked++
			default:
				t.Errorf("%s %s without a token", r.Method, r.Path)
			}
		}
		if tokens != 1 || asked != want {
			t.Errorf("rebalance %t: %d tokens and %d requests a minute, want 1 and %d", rebalance, tokens, asked, want)
		}
	}
}

func TestExpiredTokenIsRenewed(t *testing.T) {
	server, client := start(t)
	for range 2 {
		if terminating, err := client.Terminating(t.Context()); terminating || err != nil {
			t.Fatalf("terminating %t, error %v", terminating, err)
		}
		server.ExpireTokens()
	}
	server.SetTargetState("Terminated")
	if terminating, err := client.Terminating(t.Context()); !terminating || err != nil {
		t.Fatalf("terminating %t, error %v", terminating, err)
	}
}

func TestMetadataThatIsAwayIsNoNotice(t *testing.T) {
	t.Parallel()
	server, client := start(t)
	server.SetAway(true)
	var got watched
	poller := client.Poller(quiet, true, got.take)
	if poller.Poll(t.Context()); len(got.causes) > 0 || !poller.questions[0].away {
		t.Fatalf("took %v, away %t", got.sources(), poller.questions[0].away)
	}
	server.SetTargetState("Terminated")
	server.SetAway(false)
	if poller.Poll(t.Context()); len(got.causes) != 1 || poller.questions[0].away {
		t.Errorf("back again: took %v, away %t", got.sources(), poller.questions[0].away)
	}
}

// answering is a client of a metadata service that answers with these texts, by path. Other paths do not exist.
func answering(t *testing.T, answer func(path string) string) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
			_, _ = io.WriteString(w, "token")
			return
		}
		text := answer(strings.TrimPrefix(r.URL.Path, "/latest/meta-data/"))
		if text == "" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	return New(aws.Config{Region: "us-east-1", ConfigSources: []any{endpoint(server.URL)}})
}

// TestOnlyWhatAWSDocumentsIsANotice: a drain cannot be taken back, so that a proxy's error page or half an answer must not
// begin one.
func TestOnlyWhatAWSDocumentsIsANotice(t *testing.T) {
	const spot, rebalance = "spot/instance-action", "events/recommendations/rebalance"
	for _, c := range []struct {
		path, text string
		want       string // detail; "": no notice
	}{
		{spot, `{"action":"terminate","time":"2026-11-23T10:00:00Z"}`, "terminate at 2026-11-23T10:00:00Z"},
		{spot, `{"time":"2026-11-23T10:00:00Z","action":"stop","later":1}`, "stop at 2026-11-23T10:00:00Z"},
		{spot, `{"action":"hibernate","time":"2026-11-23T10:00:00Z"}`, "hibernate at 2026-11-23T10:00:00Z"},
		{spot, `{"action":"none","time":"2026-11-23T10:00:00Z"}`, ""},
		{spot, `{"action":"terminate"}`, ""},
		{spot, `{"action":"terminate","time":"soon"}`, ""},
		{spot, `{"action":"terminate","time":"2026-11-23T10:00:00Z"`, ""},
		{spot, `<html>Please log in</html>`, ""},
		{spot, `null`, ""},
		{spot, `"terminate"`, ""},
		{rebalance, `{"noticeTime":"2026-11-23T10:00:00Z"}`, "recommended at 2026-11-23T10:00:00Z"},
		{rebalance, `{}`, ""},
		{rebalance, `ok`, ""},
		{targetState, `Terminated`, "target lifecycle state Terminated"},
		{targetState, `Warmed:Terminated`, "target lifecycle state Terminated"},
		{targetState, `InService`, ""},
		{targetState, `terminated`, ""},
		{targetState, `Terminated by a proxy`, ""},
	} {
		var got watched
		client := answering(t, func(path string) string { return map[string]string{c.path: c.text}[path] })
		client.Poller(quiet, true, got.take).Poll(t.Context())
		if c.want == "" && len(got.causes) > 0 || c.want != "" && (len(got.causes) != 1 || got.causes[0].Detail != c.want) {
			t.Errorf("%s at %s: took %+v, want %q", c.text, c.path, got.causes, c.want)
		}
	}
	client := answering(t, func(string) string { return "Terminated by a proxy" })
	if terminating, err := client.Terminating(t.Context()); terminating || err == nil {
		t.Errorf("an unknown target state: terminating %t, error %v", terminating, err)
	}
}

// TestSlowAnswersHideNoNotice: where one question is not answered at all, the others are, each time.
func TestSlowAnswersHideNoNotice(t *testing.T) {
	t.Parallel()
	hung := make(chan struct{})
	noticed := make(chan drain.Source, 1)
	var asked atomic.Int32
	client := answering(t, func(path string) string {
		switch path {
		case "spot/instance-action":
			if asked.Add(1) == 2 { // the second time, while the other question still hangs
				return `{"action":"terminate","time":"2026-11-23T10:00:00Z"}`
			}
			return ""
		default:
			<-hung
			return ""
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		client.Poller(quiet, true, func(c *drain.Cause) { noticed <- c.Source }).Run(ctx)
	}()
	select {
	case source := <-noticed:
		if source != drain.Spot {
			t.Errorf("took %v", source)
		}
	case <-time.After(5 * time.Minute):
		t.Error("the Spot notice is hidden")
	}
	close(hung)
	cancel()
	<-ended
}

// TestAnAnswerMayTakeSeconds: an instance under load answers late. The SDK by itself gives up after half a second.
func TestAnAnswerMayTakeSeconds(t *testing.T) {
	t.Parallel()
	client := answering(t, func(path string) string {
		time.Sleep(3 * time.Second)
		return map[string]string{"spot/instance-action": `{"action":"terminate","time":"2026-11-23T10:00:00Z"}`}[path]
	})
	var got watched
	client.Poller(quiet, true, got.take).Poll(t.Context())
	if diff := cmp.Diff([]drain.Source{drain.Spot}, got.sources()); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
}
