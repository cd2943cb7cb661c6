package protocol

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The bounds of what a slot reports. All of it is written into the job's item, and again with each heartbeat.
const (
	// MaxReport is the longest line a slot may send, in bytes: room for a cursor of [MaxCursor].
	MaxReport = 1 << 20
	// MaxCursor is the longest cursor, in bytes of JSON. Cursors are written at every checkpoint, so good
	// ones have some hundred bytes.
	MaxCursor = 128 << 10
	// MaxUnit is the longest unit of progress, in bytes.
	MaxUnit = 32
	// MaxCount is the largest count of progress: readers of JSON that have only floating point read it exactly.
	MaxCount = 1 << 53
	// MaxError is the longest text of an error, in bytes.
	MaxError = 1000
	// maxVersion is the longest "<processor>@<version>", in bytes.
	maxVersion = 128
)

// Bounded is p as it is meant, or says what is wrong with it. More done than there is in total means that the total was
// an estimate: it is not known any more.
func (p Progress) Bounded() (Progress, error) {
	switch {
	case p.Done < 0 || p.Done > MaxCount:
		return p, fmt.Errorf("done: %d, want 0 to %d", p.Done, int64(MaxCount))
	case p.Total < 0 || p.Total > MaxCount:
		return p, fmt.Errorf("total: %d, want 0 to %d", p.Total, int64(MaxCount))
	case len(p.Unit) > MaxUnit:
		return p, fmt.Errorf("unit: %d bytes, want at most %d", len(p.Unit), MaxUnit)
	case strings.ContainsFunc(p.Unit, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }):
		return p, fmt.Errorf("unit: %q holds a character that cannot be shown", p.Unit)
	}
	if p.Done > p.Total {
		p.Total = 0
	}
	return p, nil
}

// CheckCursor says what is wrong with the JSON of a cursor.
func CheckCursor(cursor []byte) error {
	switch {
	case len(cursor) == 0:
		return errors.New("cursor: is missing")
	case len(cursor) > MaxCursor:
		return fmt.Errorf("a cursor of %d bytes, more than %d", len(cursor), MaxCursor)
	}
	return nil
}

// CheckTime says what is wrong with the time at which a job wants to come back.
func CheckTime(at time.Time) error {
	if year := at.UTC().Year(); !at.IsZero() && (year < 1970 || year > 9999) {
		return fmt.Errorf("a time in the year %d, want 1970 to 9999", year)
	}
	return nil
}

// Brief is the text of an error within [MaxError], its beginning and its end, as UTF-8.
func Brief(text string) string {
	const cut, replacement = " … ", "\ufffd"
	text = strings.ToValidUTF8(text, replacement)
	if len(text) <= MaxError {
		return text
	}
	half := (MaxError - len(cut)) / 2
	return strings.ToValidUTF8(text[:half], "") + cut + strings.ToValidUTF8(text[len(text)-half:], "")
}

// Check says what is wrong with a report.
func (r Report) Check() error {
	var errs []error
	if r.Ready != nil {
		errs = append(errs, checkVersion(r.Ready.Processor))
	}
	if r.Progress != nil {
		_, err := r.Progress.Bounded()
		errs = append(errs, err)
	}
	if r.Checkpoint != nil {
		errs = append(errs, r.Checkpoint.Check())
	}
	if r.Outcome != nil {
		errs = append(errs, r.Outcome.Check())
	}
	if len(errs) != 1 {
		return fmt.Errorf("not a report: %d kinds in one line", len(errs))
	}
	return errs[0]
}

// Check says what is wrong with a checkpoint.
func (c Checkpoint) Check() error {
	if err := CheckCursor(c.Cursor); err != nil {
		return err
	}
	if err := checkVersion(c.Version); err != nil {
		return err
	}
	_, err := c.Progress.Bounded()
	return err
}

// Check says what is wrong with an outcome.
func (o Outcome) Check() error {
	switch {
	case !o.Kind.Known():
		return fmt.Errorf("unknown outcome %.60q", o.Kind)
	case len(o.Error) > MaxError:
		return fmt.Errorf("error: %d bytes, want at most %d", len(o.Error), MaxError)
	case o.Checkpoint != nil:
		return o.Checkpoint.Check()
	}
	return CheckTime(o.At)
}

func checkVersion(version string) error {
	if len(version) > maxVersion {
		return fmt.Errorf("version: %d bytes, want at most %d", len(version), maxVersion)
	}
	return nil
}
