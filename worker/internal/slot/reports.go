package slot

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/worker-tier/worker-tier/internal/plainjson"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// maxOrder is the longest line to a slot: a payload from S3 may be longer than an SQS message.
const maxOrder = 64 << 20

// readReports reads reports until the slot closes its end, and passes them on. An error means that
// the slot broke the protocol.
func readReports(from io.Reader, orders *orders, to chan<- protocol.Report) error {
	lines := NewLineScanner(from, protocol.MaxReport)
	ready := false
	for lines.Scan() {
		report, err := parseReport(lines.Bytes())
		switch {
		case err != nil:
			return err
		case !ready && report.Ready == nil:
			return fmt.Errorf("%s before it was ready", excerpt(lines.Bytes()))
		case ready && report.Ready != nil:
			return errors.New("ready a second time")
		case !ready && report.Ready.Protocol != protocol.Version:
			return fmt.Errorf("slot speaks protocol %d, this supervisor %d", report.Ready.Protocol, protocol.Version)
		case ready && !orders.busy():
			return fmt.Errorf("%s without a job", excerpt(lines.Bytes()))
		}
		ready = true
		if report.Outcome != nil {
			orders.finish(report.Outcome.Kind)
		}
		to <- report
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("a report is longer than %d bytes", protocol.MaxReport)
	} else if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("read reports: %w", err)
	}
	return nil
}

func parseReport(line []byte) (protocol.Report, error) {
	var r protocol.Report
	err := plainjson.CheckUTF8(line)
	if err == nil {
		err = DecodeLine(line, &r)
	}
	if err != nil {
		return r, fmt.Errorf("not a report: %s: %w", excerpt(line), err)
	}
	return r, r.Check()
}

// DecodeLine reads a line that holds one JSON value; unknown keys are errors.
func DecodeLine(line []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value in a line")
	}
	return nil
}

// byteOrderMark is what some systems put before a text in UTF-8.
const byteOrderMark = "\ufeff"

// NewLineScanner reads lines of at most limit bytes, without a byte order mark before them. A last line without its end
// counts if it is a whole JSON object. Otherwise its writer died over it, and it is dropped.
func NewLineScanner(from io.Reader, limit int) *bufio.Scanner {
	s := bufio.NewScanner(from)
	s.Buffer(nil, limit)
	s.Split(func(data []byte, atEnd bool) (int, []byte, error) {
		if end := bytes.IndexByte(data, '\n'); end >= 0 {
			return end + 1, bytes.TrimPrefix(data[:end], []byte(byteOrderMark)), nil
		}
		last := bytes.TrimPrefix(data, []byte(byteOrderMark))
		if atEnd && bytes.HasPrefix(last, []byte("{")) && json.Valid(last) {
			return len(data), last, nil
		}
		return 0, nil, nil
	})
	return s
}

// excerpt quotes the beginning of a line for an error message.
func excerpt(line []byte) string {
	if len(line) > 80 {
		return fmt.Sprintf("%q…", line[:80])
	}
	return fmt.Sprintf("%q", line)
}

// deliver passes reports on to a reader that may be slow, and drops those that a newer one replaces.
func deliver(from <-chan protocol.Report, to chan<- protocol.Report) {
	var waiting []protocol.Report
	for from != nil || len(waiting) > 0 {
		var out chan<- protocol.Report
		var next protocol.Report
		if len(waiting) > 0 {
			out, next = to, waiting[0]
		}
		select {
		case r, open := <-from:
			if !open {
				from = nil
				continue
			}
			waiting = append(superseded(waiting, r), r)
		case out <- next:
			waiting = waiting[1:]
		}
	}
}

// superseded drops from the end of waiting what r replaces: a progress report those before it, a
// checkpoint, which carries its progress, both kinds.
func superseded(waiting []protocol.Report, r protocol.Report) []protocol.Report {
	for len(waiting) > 0 {
		last := waiting[len(waiting)-1]
		replaced := last.Progress != nil && (r.Progress != nil || r.Checkpoint != nil) ||
			last.Checkpoint != nil && r.Checkpoint != nil
		if !replaced {
			break
		}
		waiting = waiting[:len(waiting)-1]
	}
	return waiting
}
