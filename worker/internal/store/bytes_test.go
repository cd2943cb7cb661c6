package store_test

import (
	"encoding/json"
	"testing"

	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// TestBytesStayBytes: an item holds payload, cursor and tenant as they were written.
func TestBytesStayBytes(t *testing.T) {
	const text = "{\"a\":\"<b>&amp;\\u003c\\/\u2028é漢😀\ufffd\\ud800\x7f\",\"n\":1.0, \"n\":12345678901234567890}"
	forEach(t, func(t *testing.T, s table) {
		const tenant = "<acme> & \u2028 söhne"
		write(t, s, job.ClaimSubmission(key, job.Submission{Payload: json.RawMessage(text), Tenant: tenant}, "a", lease, now))
		write(t, s, job.SaveCheckpoint(holder(1, "a"), job.Checkpoint{Seq: 1, Cursor: text, Position: job.Position{Unit: tenant}}, now))
		item, err := s.Get(t.Context(), key.String())
		if err != nil {
			t.Fatal(err)
		}
		j, err := job.FromItem(item)
		if err != nil || string(j.Payload) != text || j.Cursor != text || j.Tenant != tenant || j.Unit != tenant {
			t.Errorf("payload %q, cursor %q, tenant %q, unit %q, error %v", j.Payload, j.Cursor, j.Tenant, j.Unit, err)
		}
	})
}
