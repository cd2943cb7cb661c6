package awsproxy

import (
	"maps"
	"math/rand/v2"
	"sync"
	"time"
)

// Faults are what goes wrong between instances and AWS. Each probability, from 0 to 1, is that of one
// request; a request that is throttled, cut or repeated may be delayed too.
type Faults struct {
	Seed      uint64
	Throttle  float64       // answered by the service's throttling error, and not delivered
	CutBefore float64       // the connection is reset, the request is not delivered
	CutAfter  float64       // the request is delivered, the connection reset instead of its answer
	Repeat    float64       // delivered a second time, up to DelayMost later, whatever has become of the sender
	Delay     float64       // delivered up to DelayMost later, mostly much less, even if nobody waits for it any more
	DelayMost time.Duration // how late anything may be
}

// fault is what happens to a request besides a delay.
type fault string

const (
	throttled fault = "throttled"
	cutBefore fault = "cut before"
	cutAfter  fault = "cut after"
	repeated  fault = "repeated"
	delayed   fault = "delayed" // as a count only
)

// Network is what the proxies of several instances have in common: the faults, and the order in which
// writes to tables were applied. So that this order is known, such writes reach the endpoint one at a time.
type Network struct {
	applying sync.Mutex // held while a write to a table is at the endpoint
	order    int64      // of the last one

	mu      sync.Mutex
	passing int        // requests, late ones too
	left    *sync.Cond // passing went down
	faults  Faults
	calm    bool
	random  *rand.Rand
	counts  map[fault]int
}

// NewNetwork returns a network with faults. The same seed gives the same sequence of faults; which request
// each meets is up to the instances.
func NewNetwork(f Faults) *Network {
	n := &Network{faults: f, random: rand.New(rand.NewPCG(f.Seed, 0)), counts: map[fault]int{}}
	n.left = sync.NewCond(&n.mu)
	return n
}

// Calm ends all faults; what was delayed is still delivered.
func (n *Network) Calm() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calm = true
}

// Settle returns once everything that is under way was delivered. The instances must have ended.
func (n *Network) Settle() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for n.passing > 0 {
		n.left.Wait()
	}
}

// more counts requests under way: one more, or with -1 one less.
func (n *Network) more(by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.passing += by
	n.left.Broadcast()
}

// Counts are the faults so far, by name.
func (n *Network) Counts() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := map[string]int{}
	for f, count := range maps.All(n.counts) {
		out[string(f)] = count
	}
	return out
}

// fate is what the network has in store for a request.
type fate struct {
	fault fault // "": none
	delay time.Duration
	again time.Duration // of a repeated one: how much later
}

// enter draws the fate of a request, which leaves with more(-1).
func (n *Network) enter(r Request) fate {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.passing++
	if n.calm {
		return fate{}
	}
	var out fate
	at := n.random.Float64()
	for _, f := range []struct {
		fault
		probability float64
	}{{throttled, n.faults.Throttle}, {cutBefore, n.faults.CutBefore}, {cutAfter, n.faults.CutAfter}, {repeated, n.faults.Repeat}} {
		if at >= 0 && at < f.probability {
			out.fault = f.fault
		}
		at -= f.probability
	}
	if out.fault == repeated {
		if r.Operation == "ReceiveMessage" || r.Bytes > repeatLimit {
			out.fault = "" // whose messages nobody would get, or too large to be kept
		} else {
			out.again = n.late()
		}
	}
	if n.random.Float64() < n.faults.Delay {
		out.delay = n.late()
		n.counts[delayed]++
	}
	if out.fault != "" {
		n.counts[out.fault]++
	}
	return out
}

// repeatLimit is the largest body that is kept to be delivered again, in bytes.
const repeatLimit = 8 << 20

// late is how late something is: half of all times less than an eighth of the most.
func (n *Network) late() time.Duration {
	u := n.random.Float64()
	return time.Duration(u * u * u * float64(n.faults.DelayMost))
}
