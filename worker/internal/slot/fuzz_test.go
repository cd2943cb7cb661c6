package slot

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// FuzzReports: whatever a slot writes on its descriptor is a sequence of sound reports or an error; the
// supervisor neither panics nor hangs over it.
func FuzzReports(f *testing.F) {
	ready := `{"ready":{"protocol":1,"processor":"p@1"}}` + "\n"
	for _, text := range []string{
		"", "\n", ready, ready + `{"progress":{"done":1}}` + "\n", ready + `{"checkpoint":{"cursor":{},"version":"p@1","progress":{"done":1}}}` + "\n",
		ready + `{"outcome":{"kind":"done"}}` + "\n" + `{"outcome":{"kind":"done"}}` + "\n", ready + `{"outcome":{"kind":"perhaps"}}` + "\n",
		ready + ready, "garbage\n", ready + "\x00\xff\n", ready + `{"progress":{"done":1},"outcome":{"kind":"done"}}` + "\n", ready + `{"progress":`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		orders := newOrders(null)
		defer orders.close()
		if err := orders.send(protocol.Order{Run: &protocol.Assignment{ID: "one"}}); err != nil {
			t.Fatal(err)
		}
		reports := make(chan protocol.Report)
		broken := make(chan error, 1)
		go func() {
			defer close(reports)
			broken <- readReports(io.Reader(bytes.NewReader(text)), orders, reports)
		}()
		outcomes := 0
		for r := range reports {
			if r.Outcome != nil {
				outcomes++
				if !r.Outcome.Kind.Known() {
					t.Errorf("passed on the outcome %q", r.Outcome.Kind)
				}
			}
		}
		if err := <-broken; err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
		if outcomes > 1 {
			t.Errorf("%d outcomes of one job", outcomes)
		}
	})
}
