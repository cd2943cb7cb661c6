// Package health is what a worker says of itself to those who watch it. Alive: none of its loops has broken its promise
// (package vitals); one that is not is killed and started again by its watchdog. Ready: it takes jobs, or will once a slot is free.
// A worker that drains, or waits for AWS, is alive and not ready.
package health

import (
	"net/http"
	"strings"

	"github.com/worker-tier/worker-tier/internal/plainjson"
)

// The names of the checks of a worker's way from its start to its end.
const (
	Start   = "start"   // instance metadata, table and bucket have answered
	Service = "service" // the group has the instance in service
	Drain   = "drain"   // none has begun
)

// The names of the checks of what keeps jobs from getting on here alone.
const (
	Instance = "instance" // jobs can begin
	Failures = "failures" // not each job fails
)

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"` // what was found: why not, if not OK
}

// Report is what the checks come to.
type Report struct {
	OK     bool    `json:"ok"` // all of them are
	Checks []Check `json:"checks"`
}

// Of is the report of checks, in their order.
func Of(checks ...Check) Report {
	r := Report{OK: true, Checks: checks}
	for _, c := range checks {
		r.OK = r.OK && c.OK
	}
	return r
}

// Failed are the checks that are not OK, for people: "drain: signal: terminated; slots: …"; "" where all are.
func (r Report) Failed() string {
	var failed []string
	for _, c := range r.Checks {
		if !c.OK {
			failed = append(failed, c.Name+": "+c.Detail)
		}
	}
	return strings.Join(failed, "; ")
}

// ServeHTTP answers 200 where the report is OK and 503 where it is not, with the report as JSON.
func (r Report) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if !r.OK {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = plainjson.NewEncoder(w).Encode(r) // whoever asked may have gone away
}
