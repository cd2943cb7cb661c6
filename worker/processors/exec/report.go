package exec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/worker-tier/worker-tier/internal/plainjson"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// report is a line that the program writes. What it leaves out is nil.
type report struct {
	cursor      json.RawMessage
	done, total *int64
	unit        *string
	retryAt     *time.Time
}

// refusedError says why a report counts for nothing. The job goes on.
type refusedError struct{ error }

func (e *refusedError) Unwrap() error { return e.error }

// readReport reads a line. It is a *refusedError where a value is wrong, and any other error where the line is no report
// at all: the program does not speak this protocol.
func readReport(line []byte) (r report, err error) {
	var fields struct {
		Cursor  json.RawMessage `json:"cursor"`
		Done    json.RawMessage `json:"done"`
		Total   json.RawMessage `json:"total"`
		Unit    json.RawMessage `json:"unit"`
		RetryAt json.RawMessage `json:"retryAt"`
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return r, nil // a sign of life
	}
	if err := plainjson.CheckUTF8(line); err != nil {
		return r, &refusedError{err}
	}
	if err := slot.DecodeLine(line, &fields); err != nil {
		return r, fmt.Errorf("wrote a report that is none: %.100q: %w", line, err)
	}
	if fields.Cursor != nil {
		err = checkCursor(fields.Cursor)
		r.cursor = fields.Cursor
	}
	for _, field := range []struct {
		name string
		text json.RawMessage
		read func(json.RawMessage) error
	}{
		{"done", fields.Done, func(text json.RawMessage) (err error) { r.done, err = wholeNumber(text); return err }},
		{"total", fields.Total, func(text json.RawMessage) (err error) { r.total, err = wholeNumber(text); return err }},
		{"unit", fields.Unit, func(text json.RawMessage) (err error) { r.unit, err = words(text); return err }},
		{"retryAt", fields.RetryAt, func(text json.RawMessage) (err error) { r.retryAt, err = moment(text); return err }},
	} {
		if err != nil || field.text == nil || string(field.text) == "null" {
			continue
		}
		if err = field.read(field.text); err != nil {
			err = fmt.Errorf("%s: %w", field.name, err)
		}
	}
	if err != nil {
		return report{}, &refusedError{err}
	}
	return r, nil
}

// apply is what is reached with the report.
func (r report) apply(reached processor.Step) (processor.Step, error) {
	if r.cursor != nil {
		reached.Cursor = r.cursor
	}
	if r.done != nil {
		reached.Progress.Done = *r.done
	}
	if r.total != nil {
		reached.Progress.Total = *r.total
	}
	if r.unit != nil {
		reached.Progress.Unit = *r.unit
	}
	progress, err := protocol.Progress(reached.Progress).Bounded()
	reached.Progress = processor.Progress(progress)
	return reached, err
}

// checkCursor says what is wrong with a cursor. It counts as it is saved, without white space.
func checkCursor(cursor json.RawMessage) error {
	if string(cursor) == "null" {
		return errors.New(`cursor: null, with which the job would start over: leave "cursor" out of a report without one`)
	}
	saved, err := plainjson.MarshalUTF8(cursor)
	if err != nil {
		return fmt.Errorf("cursor: %w", err)
	}
	return protocol.CheckCursor(saved)
}

// wholeNumber reads a whole number, however it is spelt: 12, 12.0, 1.2e1.
func wholeNumber(text json.RawMessage) (*int64, error) {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err == nil {
		return &n, nil
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > protocol.MaxCount {
		return nil, fmt.Errorf("%.40s is not a whole number up to %d", text, int64(protocol.MaxCount))
	}
	n = int64(f)
	return &n, nil
}

// words reads a string.
func words(text json.RawMessage) (*string, error) {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%.40s is not a string", text)
	}
	return &s, nil
}

// withoutZone is RFC 3339 without a zone, as many libraries print a time in UTC.
const withoutZone = "2006-01-02T15:04:05"

// moment reads a time.
func moment(text json.RawMessage) (*time.Time, error) {
	spelt, err := words(text)
	if err != nil {
		return nil, err
	}
	at, err := time.Parse(time.RFC3339, *spelt)
	if err != nil {
		at, err = time.Parse(withoutZone, *spelt)
	}
	if err != nil {
		return nil, fmt.Errorf("%.40q is not a time such as 2030-01-02T03:04:05Z", *spelt)
	}
	return &at, protocol.CheckTime(at)
}
