// Package job holds the job record, the writes that move it through its states, and the messages that
// announce it. It is pure: no I/O, no clock, no randomness.
package job

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"regexp"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// State of a job: READY → RUNNING → {READY, DONE, DEAD, CANCELLED}.
type State string

// The states of a job.
const (
	Ready     State = "READY"
	Running   State = "RUNNING"
	Done      State = "DONE"
	Dead      State = "DEAD"
	Cancelled State = "CANCELLED"
)

// Known reports whether this release knows the state. Jobs of a newer release may be in others.
func (s State) Known() bool { return s == Ready || s == Running || s.Terminal() }

// Terminal reports whether a job in this state changes no more, an explicit redrive aside.
func (s State) Terminal() bool { return s == Done || s == Dead || s == Cancelled }

// Key names a job.
type Key struct {
	ContentType string
	ID          string
}

// String is the job's primary key in the table.
func (k Key) String() string { return k.ContentType + "#" + k.ID }

// partition of the due index that the job stands in.
func (k Key) partition() string {
	h := fnv.New32a()
	h.Write([]byte(k.ID))
	return DuePartition(k.ContentType, int(h.Sum32()%contract.DueShards))
}

// DuePartition is [contract.DuePartition].
func DuePartition(contentType string, shard int) string {
	return contract.DuePartition(contentType, shard)
}

// ParseKey reverses [Key.String].
func ParseKey(s string) (Key, error) {
	contentType, id, ok := strings.Cut(s, "#")
	if !ok || contentType == "" || !idPattern.MatchString(id) {
		return Key{}, fmt.Errorf("%q is not the key of a job", s)
	}
	return Key{contentType, id}, nil
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)

// CheckID says what is wrong with a job id: it is part of S3 keys and of log lines.
func CheckID(id string) error {
	if !idPattern.MatchString(id) {
		return fmt.Errorf("id %.150q: want 1 to 128 of A-Z a-z 0-9 . _ : - and a letter or digit first", id)
	}
	return nil
}

// Job is the typed view of an item.
type Job struct {
	Key
	State         State
	Owner         string // nonce of the claim attempt that holds the job
	Epoch         int64  // fencing token; grows by one with every claim and every handoff
	Heartbeats    int64
	Seq           int64 // number of the last checkpoint
	Cursor        string
	CursorRef     string // the object that holds the cursor instead
	CursorVersion string
	CrashPosition string // position at the last crash
	Position
	Pace            Pace
	NotBefore       time.Time
	Paused          bool
	CancelRequested bool
	Drains          int64
	Crashes         int64 // without progress between them
	Failures        int64
	FailureLimit    int64 // of the worker that counted the last failure; 0: there was none, or a release before counted it
	Returns         int64 // hand-backs in a row that are nobody's fault, without a newer cursor
	Rings           int64 // since the job last became READY
	RingAt          time.Time
	LastError       string
	Payload         json.RawMessage
	PayloadRef      string // the object that holds the payload instead
	Tenant          string
	CreatedAt       time.Time
	UpdatedAt       time.Time
	Expires         time.Time // zero: not terminal
	Lease           time.Duration
	Schema          int64
	Steered         int64 // how often an operator changed the job, see [Write.Steer]
}

// Patience is how long a holder of the job may stay silent before a sweeper takes the job from it: 1.25 leases,
// because the rates of clocks differ.
func (j Job) Patience() time.Duration { return j.Lease + j.Lease/4 }

// SilentUntil is how long the job's holder has not been silent for too long yet, by the clock of who wrote the item.
func (j Job) SilentUntil() time.Time { return j.UpdatedAt.Add(j.Patience()) }

// Position is how far a job is, as its processor counts.
type Position struct {
	Done  int64
	Total int64 // 0: not known
	Unit  string
}

// FromItem reads an item. One of a newer schema may be in a state that this release does not know.
func FromItem(item Item) (Job, error) {
	text := func(attr string) string { v, _ := item[attr].(string); return v }
	number := func(attr string) int64 { v, _ := item[attr].(int64); return v }
	flag := func(attr string) bool { v, _ := item[attr].(bool); return v }
	moment := func(attr string) time.Time { return fromMillis(number(attr)) }
	key, err := ParseKey(text(contract.AttrKey))
	if err != nil {
		return Job{}, err
	}
	j := Job{
		Key: key, State: State(text(contract.AttrState)), Owner: text(contract.AttrOwner),
		Epoch: number(contract.AttrEpoch), Heartbeats: number(contract.AttrHeartbeats), Seq: number(contract.AttrSeq),
		Cursor: text(contract.AttrCursor), CursorRef: text(contract.AttrCursorRef), CursorVersion: text(contract.AttrCursorVersion), CrashPosition: text(contract.AttrCrashPosition),
		Position:  Position{number(contract.AttrDone), number(contract.AttrTotal), text(contract.AttrUnit)},
		Pace:      paceOf(number(contract.AttrPace), number(contract.AttrPaceError)),
		NotBefore: moment(contract.AttrNotBefore), Paused: flag(contract.AttrPaused), CancelRequested: flag(contract.AttrCancelRequested),
		Drains: number(contract.AttrDrains), Crashes: number(contract.AttrCrashes), Failures: number(contract.AttrFailures), FailureLimit: number(contract.AttrFailureLimit),
		Returns: number(contract.AttrReturns), Rings: number(contract.AttrRings), RingAt: moment(contract.AttrRingAt), LastError: text(contract.AttrLastError),
		Payload: json.RawMessage(text(contract.AttrPayload)), PayloadRef: text(contract.AttrPayloadRef), Tenant: text(contract.AttrTenant),
		CreatedAt: moment(contract.AttrCreatedAt), UpdatedAt: moment(contract.AttrUpdatedAt),
		Lease: time.Duration(number(contract.AttrLease)) * time.Millisecond, Schema: number(contract.AttrSchema),
		Steered: number(contract.AttrSteered),
	}
	if ttl := number(contract.AttrTTL); ttl != 0 {
		j.Expires = time.Unix(ttl, 0).UTC()
	}
	if !j.State.Known() && j.Schema <= contract.Schema {
		return Job{}, fmt.Errorf("job %s: unknown state %q", key, j.State)
	}
	return j, nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
