package slot

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// TestOrdersThatCannotBeEncoded: the error tells them apart from a slot that takes no orders, and the slot can still take
// another job.
func TestOrdersThatCannotBeEncoded(t *testing.T) {
	for name, payload := range map[string]string{"no JSON": "{", "too long": `"` + strings.Repeat("x", maxOrder) + `"`} {
		t.Run(name, func(t *testing.T) {
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = read.Close() }()
			orders := newOrders(write)
			defer orders.close()
			err = orders.send(protocol.Order{Run: &protocol.Assignment{ID: "bad", Payload: json.RawMessage(payload)}})
			if !errors.Is(err, protocol.ErrUnencodable) || len(err.Error()) > 200 {
				t.Errorf("error %.200v", err)
			}
			if err := orders.send(protocol.Order{Run: &protocol.Assignment{ID: "good", Payload: json.RawMessage("{}")}}); err != nil {
				t.Errorf("the next job: %v", err)
			}
		})
	}
}
