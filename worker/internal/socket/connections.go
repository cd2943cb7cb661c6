package socket

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// mostConnections is how many connections a server keeps. Each costs a descriptor and up to 25 KiB of memory.
const mostConnections = 64

// connections are those of a server, each with the time at which it last began or ended a request. If there are too many,
// the connection that has not done so for the longest is closed. Requests are answered from memory, so that nobody who keeps
// connections can shut out others.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]time.Time
}

// changed is called by the server whenever the state of a connection changes.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state == http.StateClosed {
		delete(c.open, conn)
		return
	}
	if _, known := c.open[conn]; !known && state != http.StateNew {
		return // it was closed below
	}
	c.open[conn] = time.Now()
	if len(c.open) > mostConnections {
		victim := conn
		for other, since := range c.open {
			if since.Before(c.open[victim]) {
				victim = other
			}
		}
		delete(c.open, victim)
		_ = victim.Close() // the server's reader of it ends
	}
}
