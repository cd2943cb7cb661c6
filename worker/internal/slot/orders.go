package slot

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/worker-tier/worker-tier/internal/plainjson"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// maxWaiting is how many orders may wait for a slot that does not read: at one deadline per heartbeat it is
// long past its deadline by then.
const maxWaiting = 32

var (
	errEnded    = errors.New("the slot has ended")
	errNotRead  = errors.New("the slot does not read its orders")
	errOccupied = errors.New("the slot already has a job")
)

// orders writes orders to a slot from a goroutine of its own, so that a slot that does not read holds
// up nobody. It also knows whether the slot has a job.
type orders struct {
	file  *os.File
	lines chan []byte
	ended chan struct{}
	done  chan struct{}

	mu      sync.Mutex
	running bool
	asked   bool // to stop its job
	refused bool // the slot is at its end, by its own word or for breaking the protocol
}

func newOrders(file *os.File) *orders {
	o := &orders{
		file:  file,
		lines: make(chan []byte, maxWaiting),
		ended: make(chan struct{}),
		done:  make(chan struct{}),
	}
	go o.write()
	return o
}

func (o *orders) write() {
	defer close(o.done)
	for {
		select {
		case line := <-o.lines:
			if _, err := o.file.Write(line); err != nil {
				return // the slot has closed its end: it is dying, and reports say why
			}
		case <-o.ended:
			return
		}
	}
}

func (o *orders) send(order protocol.Order) error {
	line, err := plainjson.Marshal(order)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", protocol.ErrUnencodable, err)
	case len(line) >= maxOrder:
		return fmt.Errorf("%w: it has %d bytes, the most are %d", protocol.ErrUnencodable, len(line), maxOrder-1)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.refused:
		return errEnded
	case order.Run != nil && o.running:
		return errOccupied
	}
	select {
	case <-o.ended:
		return errEnded
	case <-o.done:
		return errEnded
	default:
	}
	select {
	case o.lines <- append(line, '\n'):
		o.running = o.running || order.Run != nil
		o.asked = order.Run == nil && (o.asked || order.Drain != nil)
		return nil
	default:
		return errNotRead
	}
}

// busy says whether the slot has a job; finish says that it has none any more.
func (o *orders) busy() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.running
}

func (o *orders) finish(kind protocol.Kind) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.running = false
	o.refused = o.refused || kind == protocol.Stopped && !o.asked // see Endpoint.obey
}

// refuse lets no order pass any more: a job that is given to a dying slot would be blamed for its end.
func (o *orders) refuse() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refused = true
}

// close stops the writing goroutine, in mid write if need be.
func (o *orders) close() {
	close(o.ended)
	_ = o.file.Close()
	<-o.done
}
