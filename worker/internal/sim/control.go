package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// NegativeControl is a rule of the protocol that the harness breaks, to show that the simulator would notice.
type NegativeControl string

// The negative controls. The product's code is the same under all of them: the harness weakens what passes
// between the product and its surroundings.
const (
	None                 NegativeControl = ""
	NoEpochTest          NegativeControl = "no epoch test"                      // holders' writes test the state alone
	DeleteBeforeClaim    NegativeControl = "delete before claim"                // a message is deleted as it is received
	CursorFirst          NegativeControl = "cursor saved before output"         // the processor reports first
	LateStamp            NegativeControl = "lease stamped after the reply"      // clocks stand still while a call is in flight
	ReapWithoutHeartbeat NegativeControl = "reap without the heartbeat"         // a late reap hits a holder that has renewed
	SilentRelease        NegativeControl = "release without a bell"             //
	UnlistedRelease      NegativeControl = "release without an index entry"     //
	ClaimAnyState        NegativeControl = "claim without the state test"       // a bell of any epoch takes any job of that epoch
	BlindRing            NegativeControl = "ring without ringAt and epoch"      // a late ring moves a bell it never saw
	CreatingBells        NegativeControl = "bells that create"                  // a claim of nothing makes a job
	Overwritten          NegativeControl = "overwritten outputs"                // named by position alone
	DeafHeartbeats       NegativeControl = "heartbeats that stop at the signal" //
	UncheckedHandback    NegativeControl = "handback that ignores a cancel"     // so does a reap
	UncheckedClaim       NegativeControl = "claim that ignores a pause"         // the state and the epoch alone are tested
	UnknownClaim         NegativeControl = "claims that their claimer does not know"
	OneLease             NegativeControl = "reap after one lease"   // the sweeper's clock runs a quarter too fast
	AnySeq               NegativeControl = "checkpoint without seq" // a late one replaces a newer cursor
	NamelessCursor       NegativeControl = "cursors in S3 without epoch and seq"
	NamedFirst           NegativeControl = "cursors in S3 named before they are written"
	EarlyDeletes         NegativeControl = "payloads deleted before the end is written"
	KeptPayloads         NegativeControl = "payloads kept after the end"
	UnfencedSteering     NegativeControl = "operators' changes that are not fenced" // of jobs and of the content type
	WallClockLead        NegativeControl = "leadership judged by wall clocks"
	UnseenPause          NegativeControl = "pause of the type that workers do not see"
	EarlyClaim           NegativeControl = "claim that ignores notBefore"
	MercifulReap         NegativeControl = "reaps that let one crash more pass"
	ForgottenCrashes     NegativeControl = "crashes that a reap forgets"
	HotFailures          NegativeControl = "failures without a pause"
	HotReturns           NegativeControl = "hand-backs for later without a pause"
	DayOfRetention       NegativeControl = "finished jobs that live for a day"
	MortalRedrive        NegativeControl = "redrive that keeps the ttl"
	LostReject           NegativeControl = "rejected messages that are only deleted"
	AnySchema            NegativeControl = "claim of a newer release's item" // by a worker that cannot read it
	CutDeletes           NegativeControl = "deletes that a drain cuts"       // of messages that did their work
	CutClaims            NegativeControl = "claims that a drain cuts"        //
	LateClaims           NegativeControl = "claims during a drain"           // of messages that came as it began
	Unhurried            NegativeControl = "Spot notice during a drain"      // without effect
	PausedReceives       NegativeControl = "receives while paused"           // the content type, as the worker knows
	AwayReceives         NegativeControl = "receives while the table is away"
	HotReceives          NegativeControl = "failing receives without a pause"
	HotProbes            NegativeControl = "probes without a pause"
	HotSweeps            NegativeControl = "sweeps without a pause"
	HotStarts            NegativeControl = "slots restarted without a pause"
	HotTests             NegativeControl = "self-tests without a pause"
	BlamedJobs           NegativeControl = "instance's faults that count against the job"
	BlindTests           NegativeControl = "self-tests that see no fault"
	Careless             NegativeControl = "failures that make no worker careful"
)

// lateObject is about how late an object is written under [NamedFirst].
const lateObject = time.Second

// NegativeControls are all of them, each with the invariant that has to catch it, see [Violation].
var NegativeControls = map[NegativeControl]string{
	NoEpochTest: "S1", DeleteBeforeClaim: "L1", CursorFirst: "S7", LateStamp: "S8", ReapWithoutHeartbeat: "S8", SilentRelease: "B2", UnlistedRelease: "S4",
	ClaimAnyState: "S3", BlindRing: "B1", CreatingBells: "S3", Overwritten: "S7", DeafHeartbeats: "S5", UncheckedHandback: "S6", UncheckedClaim: "S6",
	UnknownClaim: "S5", OneLease: "S8", AnySeq: "S2", NamelessCursor: "S7", NamedFirst: "S7", EarlyDeletes: "O1", KeptPayloads: "O2", UnfencedSteering: "S9", WallClockLead: "L4",
	UnseenPause: "S6", EarlyClaim: "T1", MercifulReap: "K1", ForgottenCrashes: "K2", HotFailures: "F1", HotReturns: "F2", DayOfRetention: "E1", MortalRedrive: "E1", LostReject: "M1", AnySchema: "S7", CutDeletes: "D1", CutClaims: "D1",
	LateClaims: "D2", Unhurried: "L3", PausedReceives: "W1", AwayReceives: "W2", HotReceives: "P4", HotProbes: "P3", HotSweeps: "P1", HotStarts: "P2", HotTests: "P5", BlamedJobs: "I1", BlindTests: "I2", Careless: "C1",
}

// weaken takes from a write what the control takes from the protocol.
func (c NegativeControl) weaken(w job.Write, before job.Item) job.Write {
	holders := hasCond(w, contract.AttrOwner)
	switch {
	case c == NoEpochTest && holders:
		return without(w, contract.AttrOwner, contract.AttrEpoch)
	case c == ReapWithoutHeartbeat && w.Op == "reap":
		return without(w, contract.AttrHeartbeats)
	case c == ClaimAnyState && w.Op == "claim":
		return without(w, contract.AttrState)
	case c == BlindRing && w.Op == "ring":
		return without(w, contract.AttrRingAt, contract.AttrEpoch)
	case c == CreatingBells && w.Op == "claim" && before == nil:
		w.If = nil
	case c == UncheckedHandback && (w.Op == "hand back" || w.Op == "reap"):
		return without(w, contract.AttrCancelRequested)
	case c == UnfencedSteering:
		return without(w, contract.AttrSteered)
	case c == EarlyClaim && w.Op == "claim":
		return without(w, contract.AttrNotBefore)
	case c == ForgottenCrashes && w.Op == "reap" && w.Set[contract.AttrCrashes] != nil:
		w.Set = maps.Clone(w.Set)
		w.Set[contract.AttrCrashes] = int64(1)
	case c == HotFailures && w.Add[contract.AttrFailures] > 0 && w.Set[contract.AttrNotBefore] != nil:
		w.Set = maps.Clone(w.Set)
		w.Set[contract.AttrNotBefore] = int64(0)
	case c == HotReturns && w.Set[contract.AttrReturns] != nil && w.Add[contract.AttrDrains]+w.Add[contract.AttrFailures] == 0:
		w.Set = maps.Clone(w.Set)
		w.Set[contract.AttrNotBefore] = int64(0)
	case c == DayOfRetention && w.Set[contract.AttrTTL] != nil:
		w.Set = maps.Clone(w.Set)
		w.Set[contract.AttrTTL] = w.Set[contract.AttrTTL].(int64) - int64((job.Retention - 24*time.Hour).Seconds())
	case c == MortalRedrive && w.Op == "redrive":
		w.Remove = slices.DeleteFunc(slices.Clone(w.Remove), func(attr string) bool { return attr == contract.AttrTTL })
	case c == AnySchema && w.Op == "claim":
		return without(w, contract.AttrSchema)
	case c == UncheckedClaim && w.Op == "claim":
		return without(w, contract.AttrPaused)
	case c == AnySeq && holders:
		return without(w, contract.AttrSeq)
	case c == UnlistedRelease && w.Op == "hand back":
		w.Set = maps.Clone(w.Set)
		for _, attr := range []string{contract.AttrDuePartition, contract.AttrDueSort, contract.AttrRingAt} {
			delete(w.Set, attr)
		}
	}
	return w
}

func hasCond(w job.Write, attr string) bool {
	return slices.ContainsFunc(w.If, func(c job.Cond) bool { return c.Attr == attr })
}

func without(w job.Write, attrs ...string) job.Write {
	w.If = slices.DeleteFunc(slices.Clone(w.If), func(c job.Cond) bool { return slices.Contains(attrs, c.Attr) })
	return w
}

// hot is what a node's loops do without a pause.
func (c NegativeControl) hot() errand {
	return map[NegativeControl]errand{HotReceives: receives, HotProbes: probes, HotSweeps: sweeps, HotStarts: starts, HotTests: tests}[c]
}

// sweeperClock is the clock on which a sweeper waits.
func (c NegativeControl) sweeperClock(clock *clock) sweep.Clock {
	if c == OneLease {
		return hastyClock{clock}
	}
	return clock
}

type hastyClock struct{ *clock }

func (c hastyClock) Monotonic() time.Duration { return c.clock.Monotonic() * 5 / 4 }

// crashLimit is how many crashes make a job DEAD.
func (c NegativeControl) crashLimit(wanted int64) int64 {
	if c == MercifulReap {
		return wanted + 1
	}
	return wanted
}
