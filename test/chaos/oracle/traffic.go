// Package oracle judges a chaos run from outside the workers: from the traffic that the instances' proxies
// recorded, in the order in which the table applied it. It has a model of an item of its own and shares no
// code with the worker; names of attributes are the table's (package contract).
package oracle

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// Record is a recorded write to the job table, as the run's journal holds it.
type Record struct {
	Order     int64           `json:"order"`    // in which the table applied or refused it
	Instance  string          `json:"instance"` // whose proxy recorded it
	At        time.Time       `json:"at"`       // when it came
	Answered  time.Time       `json:"answered"`
	Operation string          `json:"operation"`
	Fault     string          `json:"fault,omitempty"`
	Delayed   time.Duration   `json:"delayedNanoseconds,omitempty"`
	Status    int             `json:"status"` // 0: no answer, so it was applied or not
	Code      string          `json:"code,omitempty"`
	Request   json.RawMessage `json:"request"`
	Answer    json.RawMessage `json:"answer,omitempty"`
}

// NewRecord is the record of a request that an instance's proxy delivered.
func NewRecord(instance string, r awsproxy.Request) Record {
	out := Record{
		Order: r.Order, Instance: instance, At: r.At, Answered: r.At.Add(r.Took), Operation: r.Operation, Fault: r.Fault, Delayed: r.Delayed,
		Status: r.Status, Code: r.Code, Request: json.RawMessage(r.Body),
	}
	if json.Valid(r.Answer) {
		out.Answer = json.RawMessage(r.Answer)
	}
	return out
}

// outcome is what became of a write.
type outcome int

const (
	unknown outcome = iota
	accepted
	refused
)

// write is a record that was read.
type write struct {
	Record
	key        string
	conditions []condition
	change     change
	outcome    outcome
	after      Item // of an accepted one, as it was answered
}

// owner that the write makes, or requires, the holder of the job; "": neither.
func (w write) owner() string {
	if owner, ok := w.change.set[contract.AttrOwner].(string); ok {
		return owner
	}
	v, _ := w.named(contract.AttrOwner)
	owner, _ := v.(string)
	return owner
}

// attributes is an item or a list of values as DynamoDB's JSON writes it.
type attributes map[string]struct {
	S    *string
	N    *string
	BOOL *bool
}

func (a attributes) item() (Item, error) {
	out := Item{}
	for name, v := range a {
		switch {
		case v.S != nil:
			out[name] = *v.S
		case v.BOOL != nil:
			out[name] = *v.BOOL
		case v.N != nil:
			n, err := strconv.ParseInt(*v.N, 10, 64)
			if err != nil {
				return nil, err
			}
			out[name] = n
		default:
			return nil, fmt.Errorf("%s is of a type that the oracle does not know", name)
		}
	}
	return out, nil
}

// read reads a record. What the oracle does not know is an error: it must not judge what it cannot read.
func (r Record) read() (write, error) {
	w := write{Record: r}
	if r.Operation != "UpdateItem" {
		return w, fmt.Errorf("write %d of %s: the oracle does not know %s", r.Order, r.Instance, r.Operation)
	}
	var request struct {
		Key                                   attributes
		ConditionExpression, UpdateExpression string
		ExpressionAttributeNames              map[string]string
		ExpressionAttributeValues             attributes
		ReturnValues                          string
	}
	err := json.Unmarshal(r.Request, &request)
	if err != nil {
		return w, fmt.Errorf("write %d of %s: %w", r.Order, r.Instance, err)
	}
	key, err := request.Key.item()
	if err == nil {
		w.key, _ = key[contract.AttrKey].(string)
		var values Item
		if values, err = request.ExpressionAttributeValues.item(); err == nil {
			terms := terms{request.ExpressionAttributeNames, values}
			if w.conditions, err = terms.conditions(request.ConditionExpression); err == nil {
				w.change, err = terms.change(request.UpdateExpression)
			}
		}
	}
	if err != nil {
		return w, fmt.Errorf("write %d of %s: %w in %s", r.Order, r.Instance, err, r.Request)
	}
	switch {
	case r.Status == 200 && request.ReturnValues != "ALL_NEW":
		return w, fmt.Errorf("write %d of %s: it does not ask for the item, which the oracle needs", r.Order, r.Instance)
	case r.Status == 200:
		w.outcome = accepted
		var answer struct{ Attributes attributes }
		if err := json.Unmarshal(r.Answer, &answer); err != nil {
			return w, fmt.Errorf("answer to write %d of %s: %w", r.Order, r.Instance, err)
		}
		if w.after, err = answer.Attributes.item(); err != nil {
			return w, fmt.Errorf("answer to write %d of %s: %w", r.Order, r.Instance, err)
		}
	case r.Status != 0: // whatever the error, nothing was changed
		w.outcome = refused
	}
	return w, nil
}

// instanceOf is the instance in the name of an owner: "<instance>/<nonce>".
func instanceOf(owner string) string {
	instance, _, _ := strings.Cut(owner, "/")
	return instance
}
