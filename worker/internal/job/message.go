package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"unicode"

	"github.com/worker-tier/worker-tier/internal/plainjson"
)

// MaxPayload is the largest payload of a job, in bytes. A message holds less: SQS takes 1 MiB.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
const MaxPayload = 16 << 20

// Submission asks for a job: {"id"?, "tenant"?, "payload"}. Any producer may send one.
type Submission struct {
	ID      string          `json:"id,omitempty"` // default: the SQS message id
	Tenant  string          `json:"tenant,omitempty"`
	Payload json.RawMessage `json:"payload"`
	// PayloadRef names the object that holds the payload where it is too long for the item.
	PayloadRef string `json:"-"`
}

// Bell says that a job can be claimed: {"bell": id, "epoch": n}. It never creates one.
type Bell struct {
	ID    string `json:"bell"`
	Epoch int64  `json:"epoch"` // of the READY job; saves the claimer a read
}

// JSON is the bell as a message body.
func (b Bell) JSON() string {
	text, _ := json.Marshal(b) // a string and a number always marshal
	return string(text)
}

// Message is a parsed message body; exactly one field is set.
type Message struct {
	Submission *Submission
	Bell       *Bell
}

// ParseMessage reads a message body. An error says what breaks the envelope, in words for the
// dead-letter queue. Keys it does not know are ignored: a later release may send them.
func ParseMessage(body string) (Message, error) {
	if err := plainjson.CheckUTF8([]byte(body)); err != nil {
		return Message{}, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &fields); err != nil || fields == nil {
		if json.Valid([]byte(body)) {
			return Message{}, errors.New(`not a JSON object: want {"id"?, "tenant"?, "payload"}`)
		}
		return Message{}, fmt.Errorf("not JSON: %w", err)
	}
	if _, ok := fields["bell"]; ok {
		return parseBell(fields)
	}
	return parseSubmission(fields)
}

func parseBell(fields map[string]json.RawMessage) (Message, error) {
	b := &Bell{}
	if err := decode(fields, "bell", &b.ID); err != nil {
		return Message{}, err
	}
	if err := decode(fields, "epoch", &b.Epoch); err != nil {
		return Message{}, err
	}
	if err := CheckID(b.ID); err != nil {
		return Message{}, err
	}
	return Message{Bell: b}, nil
}

func parseSubmission(fields map[string]json.RawMessage) (Message, error) {
	s := &Submission{Payload: fields["payload"]}
	if err := decode(fields, "id", &s.ID); err != nil {
		return Message{}, err
	}
	if err := decode(fields, "tenant", &s.Tenant); err != nil {
		return Message{}, err
	}
	return Message{Submission: s}, s.Check()
}

func decode[T string | int64](fields map[string]json.RawMessage, name string, into *T) error {
	raw, ok := fields[name]
	if !ok || json.Unmarshal(raw, into) == nil {
		return nil
	}
	kind := "a string"
	if _, number := any(*into).(int64); number {
		kind = "a whole number"
	}
	return fmt.Errorf("%s: %.60s is not %s", name, raw, kind)
}

// Check says what is wrong with a submission.
func (s Submission) Check() error {
	if s.ID != "" {
		if err := CheckID(s.ID); err != nil {
			return err
		}
	}
	switch {
	case len(s.Tenant) > 128:
		return fmt.Errorf("tenant: %d bytes, want at most 128", len(s.Tenant))
	case strings.ContainsRune(s.Tenant, utf8.RuneError): // what decoders put in the place of what is no character
		return errors.New("tenant: holds a character that cannot be read: is it UTF-8?")
	case strings.ContainsFunc(s.Tenant, controls):
		return fmt.Errorf("tenant: %q holds a control character", s.Tenant)
	case len(s.Payload) == 0:
		return errors.New("payload: is missing")
	case len(s.Payload) > MaxPayload:
		return fmt.Errorf("payload: %d bytes, want at most %d", len(s.Payload), MaxPayload)
	case !json.Valid(s.Payload):
		return errors.New("payload: is not JSON")
	}
	if err := plainjson.CheckUTF8(s.Payload); err != nil {
		return fmt.Errorf("payload: %w", err)
	}
	return nil
}

// controls reports whether a terminal may act on a character instead of showing it: a control character, a separator of
// lines or a mark of writing direction.
func controls(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}
