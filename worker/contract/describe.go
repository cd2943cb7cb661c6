package contract

import "encoding/json"

// Description is what the command "describe" of a worker binary prints, as JSON: the processors it has, sorted by name.
type Description struct {
	Processors []ProcessorDescription `json:"processors"`
}

// ProcessorDescription is one processor of a worker binary. Its schemas are JSON Schemas, draft 2020-12.
type ProcessorDescription struct {
	Name    string          `json:"name"`
	Version int             `json:"version"`           // of its cursors
	Payload json.RawMessage `json:"payload,omitempty"` // schema of a job's payload; left out: the processor alone checks it
	Options json.RawMessage `json:"options,omitempty"` // schema of a content type's options; left out: there are none
}
