package tierspec

import (
	"net"
	"slices"
	"strconv"
)

// Watch holds what a worker shows of itself to others than CloudWatch.
type Watch struct {
	Port     int    // TCP; 0: none
	Graphite string // host and port, or ""
	EMF      bool   // log each attempt in CloudWatch's embedded metric format
}

// Listen is the address at which the type's workers may be watched, "" without one: on all interfaces only where a security
// group is let in.
func (t ContentType) Listen() string {
	host := "127.0.0.1"
	if slices.ContainsFunc(t.Inbound, func(i Inbound) bool { return i.Port == t.Watch.Port }) {
		host = "0.0.0.0"
	}
	if t.Watch.Port == 0 {
		return ""
	}
	return net.JoinHostPort(host, strconv.Itoa(t.Watch.Port))
}
