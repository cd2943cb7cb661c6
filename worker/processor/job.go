package processor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Job is a job as a processor sees it.
type Job struct {
	ID          string
	ContentType string
	Tenant      string // may be empty
	// Epoch is the job's fencing token: it grows with every claim. Outputs that are not
	// content-addressed carry it in their name, so that a worker that lost the job without knowing
	// cannot overwrite what the next one has written.
	Epoch         int64
	Payload       json.RawMessage
	Options       json.RawMessage // a JSON object, the content type's options; nil: it has none
	Cursor        json.RawMessage // nil: from the start
	CursorVersion int             // the [Processor] version that wrote Cursor; at most this one's
	Progress      Progress        // as of Cursor
	// Draining is closed when the worker must let go of the job. It does so between steps by itself:
	// only steps that can wait long need to look.
	Draining <-chan struct{}
	// Services are what the job reaches outside, such as [Job.Artifacts].
	Services Services

	// OnReport and OnSave receive what [Job.Report] and [Job.Save] are called with. The worker sets them. In a test of
	// a processor they may be nil.
	OnReport func(Progress)
	OnSave   func(Step) error
}

// DecodePayload reads the payload into a struct. Unknown fields, wrong types and missing JSON are
// permanent errors: the job can never succeed.
func (j *Job) DecodePayload(into any) error {
	if err := decode(j.Payload, into); err != nil {
		return Permanent(fmt.Errorf("payload: %w", err))
	}
	return nil
}

// DecodeOptions reads the options of the content type into a struct. Without options the struct stays as it is, so that it may
// hold defaults. An error means that the instance was configured for another release of the worker. It is not permanent: the
// job is not at fault.
func (j *Job) DecodeOptions(into any) error {
	if len(j.Options) == 0 {
		return nil
	}
	if err := decode(j.Options, into); err != nil {
		return fmt.Errorf("options of content type %s: %w", j.ContentType, err)
	}
	return nil
}

// DecodeCursor reads the cursor into a struct; false: the job is at its start. A cursor that cannot be
// read is a permanent error.
func (j *Job) DecodeCursor(into any) (bool, error) {
	if len(j.Cursor) == 0 {
		return false, nil
	}
	if err := decode(j.Cursor, into); err != nil {
		return false, Permanent(fmt.Errorf("cursor of version %d: %w", j.CursorVersion, err))
	}
	return true, nil
}

// Report tells how far the job is within a step; nothing is saved by it.
func (j *Job) Report(p Progress) {
	if j.OnReport != nil {
		j.OnReport(p)
	}
}

// Save saves a cursor within a step, for the rare step that has to go on until something else lets it
// end: what stands before the cursor is durable. Its Done is ignored.
func (j *Job) Save(reached Step) error {
	if j.OnSave == nil {
		return nil
	}
	return j.OnSave(reached)
}

func decode(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	switch err := d.Decode(into); {
	case errors.Is(err, io.EOF):
		return errors.New("is empty, want a JSON object")
	case err != nil:
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("has text after its JSON object")
	}
	return nil
}
