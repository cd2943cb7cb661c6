package job_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/store"
)

var states = []job.State{job.Ready, job.Running, job.Done, job.Dead, job.Cancelled}

// FuzzFromItem: an item that somebody has been at is read or refused with its key; what was read is
// what the writes test, so whoever has read a job can move it, and only as its state allows.
func FuzzFromItem(f *testing.F) {
	f.Add("mail#one", "READY", "", "", "", int64(0), int64(0), int64(0), uint16(0))
	f.Add("mail#one", "RUNNING", "a", `{"at":"x"}`, "boom", int64(3), int64(7), int64(4), uint16(0))
	f.Add("mail#one", "RUNNING", "a", "", strings.Repeat("ä", 200), int64(3), int64(7), int64(4), uint16(1))
	f.Add("mail#one", "READY", "", "", "", int64(1), int64(0), int64(0), uint16(2))
	f.Add("mail#one", "DEAD", "", "", "\xff", int64(9), int64(0), int64(5), uint16(0))
	f.Add("mail", "READY", "", "", "", int64(0), int64(0), int64(0), uint16(0))
	f.Add("mail#one", "SLEEPING", "", "", "", int64(-1), int64(0), int64(0), uint16(0xfff0))
	f.Fuzz(func(t *testing.T, key, state, owner, cursor, lastError string, epoch, heartbeat, crashes int64, bent uint16) {
		item := job.Item{
			contract.AttrKey: key, contract.AttrState: state, contract.AttrOwner: owner, contract.AttrCursor: cursor, contract.AttrLastError: lastError,
			contract.AttrEpoch: epoch, contract.AttrHeartbeats: heartbeat, contract.AttrSeq: heartbeat, contract.AttrCrashes: crashes, contract.AttrNotBefore: int64(0),
			contract.AttrRings: int64(0), contract.AttrRingAt: int64(uint32(heartbeat)), contract.AttrPayload: "{}", contract.AttrSchema: int64(contract.Schema),
		}
		if bent&1 != 0 {
			item[contract.AttrCancelRequested] = true
		}
		if bent&2 != 0 {
			item[contract.AttrPaused] = true
		}
		if bent&4 != 0 {
			item[contract.AttrCursorRef] = cursor
		}
		sound := bent>>4 == 0
		for i, attr := range []string{contract.AttrEpoch, contract.AttrHeartbeats, contract.AttrOwner, contract.AttrCursor, contract.AttrCrashes, contract.AttrTTL} {
			switch bent >> (4 + 2*i) & 3 { // missing, or of another type
			case 1:
				delete(item, attr)
			case 2:
				item[attr] = true
			case 3:
				item[attr] = map[bool]any{true: "text", false: int64(12)}[i < 2]
			}
		}
		j, err := job.FromItem(item)
		if err != nil {
			_, noKey := job.ParseKey(key)
			if known := slices.Contains(states, job.State(state)); noKey == nil && known {
				t.Errorf("refused: %v", err)
			}
			return
		}
		if j.Key.String() != key || string(j.State) != state {
			t.Errorf("read as %s, %s", j.Key, j.State)
		}
		if sound {
			moves(t, item, j)
		}
	})
}

// moves applies each write that j's reader might make of it, each to an item of its own.
func moves(t *testing.T, item job.Item, j job.Job) {
	now := time.UnixMilli(1_700_000_000_000).UTC()
	free := !j.Paused && !j.CancelRequested
	if j.Seq+1 < j.Seq || j.Epoch+1 < j.Epoch { // no job lives that long
		return
	}
	for _, move := range []struct {
		write  job.Write
		allows bool
	}{
		{job.ClaimReady(j.Key, j.Epoch, "b", time.Minute, now), j.State == job.Ready && free},
		{job.Ring(j, now), j.State == job.Ready && !j.Paused},
		{job.Park(j), j.State == job.Ready && j.Paused},
		{job.Heartbeat(j.Claim(), now), j.State == job.Running},
		{job.SaveCheckpoint(j.Claim(), job.Checkpoint{Seq: j.Seq + 1}, now), j.State == job.Running},
		{job.HandBack(j.Claim(), job.Return{FailureLimit: 10, Error: j.LastError, BellAt: now}, now), j.State == job.Running && !j.CancelRequested},
		{job.Finish(j.Claim(), job.End{State: job.Dead, Reason: j.LastError}, now), j.State == job.Running},
		{job.Reap(j, 5, now), j.State == job.Running},
		{job.Redrive(j, now), j.State == job.Dead},
		{job.Retry(j, now), !j.Paused},
		{job.Pause(j, now), true},
		{job.Resume(j, now), true},
	} {
		table := store.NewMemory()
		if _, err := table.Write(context.Background(), job.Write{Op: "put", Key: j.Key.String(), Set: item}); err != nil {
			t.Fatal(err)
		}
		after, err := table.Write(context.Background(), move.write)
		if (err == nil) != move.allows {
			t.Errorf("%s of %+v: %v, want success: %t", move.write.Op, j, err, move.allows)
		}
		if err != nil {
			continue
		}
		next, err := job.FromItem(after)
		if err != nil {
			t.Fatalf("%s: %v", move.write.Op, err)
		}
		if next.Epoch < j.Epoch || next.Seq < j.Seq {
			t.Errorf("%s: epoch %d and seq %d after %d and %d", move.write.Op, next.Epoch, next.Seq, j.Epoch, j.Seq)
		}
		if left := next.State != j.State; left && next.Epoch == j.Epoch {
			t.Errorf("%s: %s to %s at one epoch", move.write.Op, j.State, next.State)
		}
		if said := next.LastError; said != j.LastError && (len(said) > 300 || utf8.ValidString(j.LastError+j.Owner) && !utf8.ValidString(said)) {
			t.Errorf("%s: last error %q", move.write.Op, said)
		}
		if diff := cmp.Diff(j.Payload, next.Payload); diff != "" || next.Key != j.Key {
			t.Errorf("%s: another job: %s", move.write.Op, diff)
		}
	}
}
