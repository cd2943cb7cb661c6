package job

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// What is large stands in the artifacts bucket, and the item names it: a write is billed per KB of the
// whole item, heartbeats included.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html#write-operation-consumption
const (
	// InlinePayload is the longest payload that stands in the item, in bytes: it is written once, and
	// each heartbeat pays for it again.
	InlinePayload = 1 << 10
	// InlineCursor is the longest cursor that stands in the item, in bytes. A longer one costs a request
	// to S3 with each checkpoint, which is as dear as eight KB of the table.
	InlineCursor = 4 << 10
)

// PayloadRef names the object of a job's payload: by its content, so that two submissions of one id
// never replace each other's.
func PayloadRef(key Key, payload []byte) string {
	return fmt.Sprintf("%spayload.%s", contract.SpillPrefix(key.ContentType, key.ID), sum(payload))
}

// Differs names the part, "tenant" or "payload", in which s differs from the submission that made j. It is "" if s does
// not differ, or if that cannot be told.
// A payload is compared by its bytes: the item holds them, or names an object by their digest. Nothing can
// be told of an item of a newer schema, nor of an id that was reserved by a cancel before its job came.
func (j Job) Differs(s Submission) string {
	reserved := j.State == Cancelled && j.Epoch == 0
	switch {
	case reserved || j.Schema > contract.Schema || j.PayloadRef == "" && len(j.Payload) == 0:
		return ""
	case j.Tenant != s.Tenant:
		return "tenant"
	case j.PayloadRef != "" && digestOf(j.PayloadRef) != sum(s.Payload), j.PayloadRef == "" && !bytes.Equal(j.Payload, s.Payload):
		return "payload"
	}
	return ""
}

// CursorRef names the object of the cursor that a holder saves as seq. Epoch and seq are part of the
// name, so that a zombie cannot replace what the item already names.
func CursorRef(c Claim, seq int64, cursor []byte) string {
	return fmt.Sprintf("%scursor.%d.%d.%s", contract.SpillPrefix(c.ContentType, c.ID), c.Epoch, seq, sum(cursor))
}

// CheckRef says whether content is what ref names: a reference ends in its content's digest.
func CheckRef(ref string, content []byte) error {
	if digestOf(ref) != sum(content) {
		return fmt.Errorf("object %s does not hold what was written under this name (%d bytes)", ref, len(content))
	}
	return nil
}

// Needless are the objects of job j that nobody needs any more, now that it has ended. The cursor of a DONE job is what came
// out of it, and a DEAD job needs both to be redriven. The item goes on naming them: by the digest of its payload a second
// message with the job's id is recognised.
func (j Job) Needless() []string {
	var refs []string
	if j.PayloadRef != "" && (j.State == Done || j.State == Cancelled) {
		refs = append(refs, j.PayloadRef)
	}
	if j.CursorRef != "" && j.State == Cancelled {
		refs = append(refs, j.CursorRef)
	}
	return refs
}

func digestOf(ref string) string { return ref[strings.LastIndexByte(ref, '.')+1:] }

// CursorDigest tells cursors apart. It must have changed for a crash or a return to count as a first one: the cursor, not seq (a poison
// job that checkpoints on opening would never die) and not progress (it is shown, not durable). It is the
// start of the cursor's digest, wherever the cursor stands.
func (j Job) CursorDigest() string {
	digest := digestOf(j.CursorRef)
	if j.CursorRef == "" {
		digest = sum([]byte(j.Cursor))
	}
	return digest[:min(12, len(digest))]
}

func sum(content []byte) string {
	digest := sha256.Sum256(content)
	return base64.RawURLEncoding.EncodeToString(digest[:])
}
