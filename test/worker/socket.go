package worker

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Names that docs/watching.md promises: the sockets in the runtime folder, and the paths on them.
const (
	controlSocket = "control.sock"
	watchSocket   = "watch.sock"
	alivePath     = "/healthz"
	readyPath     = "/readyz"
	metricsPath   = "/metrics"
)

// report is the answer at alivePath and readyPath.
type report struct {
	OK     bool
	Checks []struct {
		Check, Detail string
		OK            bool
	}
}

// watched is the socket for every user of the machine.
func (b *groupInstance) watched() string { return filepath.Join(filepath.Dir(b.socket), watchSocket) }

// get reads what the worker on a socket shows at a path.
func get(ctx context.Context, socket, path string) (status int, body []byte, err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://worker"+path, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// says waits until exactly the named checks of a report fail, and returns their details.
func (b *groupInstance) says(t testing.TB, of string, failing ...string) string {
	t.Helper()
	var details []string
	await(t, of+": these fail: "+strings.Join(failing, ", "), func() bool {
		var last report
		_, body, err := get(t.Context(), b.socket, of)
		if err != nil || json.Unmarshal(body, &last) != nil {
			return false
		}
		var failed []string
		details = nil
		for _, c := range last.Checks {
			if !c.OK {
				failed = append(failed, c.Check)
				details = append(details, c.Check+": "+c.Detail)
			}
		}
		return strings.Join(failed, " ") == strings.Join(failing, " ") && last.OK == (len(failed) == 0)
	})
	return strings.Join(details, "; ")
}

// read returns what the worker shows at a path of its socket.
func (b *groupInstance) read(t testing.TB, path string) string {
	t.Helper()
	status, body, err := get(t.Context(), b.socket, path)
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s: status %d, error %v", path, status, err)
	}
	return string(body)
}

// metric is a row of the list in docs/watching.md.
type metric struct{ Name, Kind, Labels, Unit, Meaning string }

// exposed are the metrics in a text in Prometheus' format, with the unit that their names promise, and the values by series.
func exposed(t testing.TB, text string) (rows []metric, values map[string]float64) {
	t.Helper()
	values = map[string]float64{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if help, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, meaning, _ := strings.Cut(help, " ")
			rows = append(rows, metric{Name: name, Meaning: meaning})
			continue
		}
		last := &rows[len(rows)-1]
		if kind, ok := strings.CutPrefix(line, "# TYPE "+last.Name+" "); ok {
			last.Kind = kind
			continue
		}
		series, value, _ := strings.Cut(line, " ")
		number, err := strconv.ParseFloat(value, 64)
		if err != nil || !strings.HasPrefix(series, last.Name) {
			t.Errorf("line %q after %+v: %v", line, *last, err)
		}
		values[series] = number
		var labels []string
		for _, m := range regexp.MustCompile(`[{,]([a-z0-9_]+)=`).FindAllStringSubmatch(series, -1) {
			labels = append(labels, m[1])
		}
		last.Labels = strings.Join(labels, ", ")
	}
	return rows, values
}
