package slot

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// FuzzAssignment: a job that a supervisor can write down comes out of the slot's end of the descriptor as it
// was, in one line; another one is refused before anything is sent.
func FuzzAssignment(f *testing.F) {
	f.Add("one", "acme", []byte(`{"n": 1}`), []byte(`{"at": "x"}`), "mail@1", int64(3), int64(7), "messages", int64(1e18))
	f.Add("", "\xff\n", []byte("\"\u2028 <\\n>\""), []byte(nil), "", int64(-1), int64(0), "\x00", int64(0))
	f.Add("x", "", []byte("{"), []byte("null\n"), "@", int64(1<<62), int64(-1), "", int64(-1))
	f.Fuzz(func(t *testing.T, id, tenant string, payload, cursor []byte, version string, epoch, done int64, unit string, deadline int64) {
		sent := protocol.Assignment{
			ID: id, ContentType: "mail", Tenant: tenant, Epoch: epoch, Payload: payload, Cursor: cursor, CursorVersion: version,
			Progress: protocol.Progress{Done: done, Unit: unit}, Deadline: time.Duration(deadline),
		}
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = read.Close() }()
		orders := newOrders(write)
		err = orders.send(protocol.Order{Run: &sent})
		if writable := json.Valid(payload) && (len(cursor) == 0 || json.Valid(cursor)); (err == nil) != writable {
			t.Errorf("sent: %v, want success: %t", err, writable)
		}
		if err != nil {
			orders.close()
			if rest, _ := io.ReadAll(read); len(rest) > 0 || orders.busy() {
				t.Errorf("refused and sent %q, busy: %t", rest, orders.busy())
			}
			return
		}
		lines := NewLineScanner(read, maxOrder)
		if !lines.Scan() {
			t.Fatalf("no line: %v", lines.Err())
		}
		var got protocol.Order
		if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plain(protocol.Order{Run: &sent}), plain(got)); diff != "" {
			t.Errorf("order (-sent +received):\n%s", diff)
		}
		orders.close()
		if lines.Scan() {
			t.Errorf("another line: %q", lines.Bytes())
		}
	})
}

// plain is what a message says, however its JSON is spelt.
func plain(message any) (says any) {
	text, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&says); err != nil {
		panic(err)
	}
	return says
}

// FuzzOrders: whatever orders a slot is given, it takes one job at a time, is told to drain only while it has
// one, and goes by the first drain.
func FuzzOrders(f *testing.F) {
	run, drain := `{"run":{"id":"one","payload":{},"deadline":5}}`, `{"drain":{"cause":"spot","at":9}}`
	f.Add(run + "\n" + drain + "\n" + `{"drain":{"cause":"again","at":1}}`)
	f.Add(drain + "\n" + run + "\n" + `{"deadline":{"at":6}}`)
	f.Add(`{"deadline":{"at":6}}` + "\n" + `{}` + "\n" + `{"later":{}}` + "\n" + run)
	f.Add(`{"run":{"id":"one"},"drain":{"at":9}}` + "\n" + drain)
	f.Fuzz(func(t *testing.T, text string) {
		e := &Endpoint{tasks: make(chan *Task, 1), fuse: newFuse(), reports: io.Discard}
		go func() {
			for range e.fuse.deadlines {
			}
		}()
		defer close(e.fuse.deadlines)
		var task *Task
		var first *protocol.Drain
		for line := range strings.SplitSeq(text, "\n") {
			var o protocol.Order
			if json.Unmarshal([]byte(line), &o) != nil || task != nil && o.Run != nil {
				continue // a slot ends itself over these
			}
			e.obey(o)
			switch {
			case o.Run != nil:
				task = <-e.Tasks()
				if diff := cmp.Diff(*o.Run, task.Assignment); diff != "" {
					t.Errorf("task (-ordered +taken):\n%s", diff)
				}
			case task != nil && o.Deadline == nil && o.Drain != nil && first == nil:
				first = o.Drain
			}
			if task == nil {
				continue
			}
			select {
			case <-task.Draining():
				if first == nil || task.Drain() != *first {
					t.Errorf("drains by %+v, ordered was %+v", task.Drain(), first)
				}
			default:
				if first != nil {
					t.Errorf("does not drain, ordered was %+v", *first)
				}
			}
		}
		if err := e.Finish(protocol.Outcome{Kind: protocol.Done}); err != nil {
			t.Error(err)
		}
		e.obey(protocol.Order{Drain: &protocol.Drain{Cause: "late"}}) // about a job that ended: no panic, no wait
	})
}

// FuzzReport: a line is one sound report, which survives being sent by a slot, or an error that quotes the
// line in few words.
func FuzzReport(f *testing.F) {
	for _, line := range []string{
		`{"ready":{"protocol":1,"processor":"p@1"}}`, `{"progress":{"done":1,"total":-2,"unit":"b"}}`, `{"outcome":{"kind":"later","at":"2030-01-02T03:04:05Z"}}`,
		`{"checkpoint":{"cursor":{"a":[1,"<"]},"version":"p@1","progress":{"done":1}}}`, `{"outcome":{"kind":"done","checkpoint":{"cursor":null}}}`,
		`{"outcome":{"kind":"no"}}`, `{"ready":null}`, `{}{}`, `null`, `{"progress":{"done":1e3}}`, `{"PROGRESS":{"Done":1}}`, `{"checkpoint":{}}`, `{"progress":{},"outcome":{}}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseReport(line)
		if err != nil {
			const most = 1500 // an excerpt, escaped, and what is wrong
			if text := err.Error(); text == "" || len(text) > most+len(line) || strings.Contains(text, "\n") {
				t.Errorf("error %q", text)
			}
			return
		}
		var sent bytes.Buffer
		e := &Endpoint{reports: &sent}
		if err := e.send(r); err != nil {
			if len(line) < protocol.MaxReport/8 && !errors.As(err, new(*json.MarshalerError)) {
				t.Errorf("cannot be sent again: %v", err)
			}
			return // a checkpoint without a cursor, or a report that grows with its escapes
		}
		if n := bytes.Count(sent.Bytes(), []byte("\n")); n != 1 || sent.Len() > protocol.MaxReport+1 {
			t.Fatalf("%d lines of %d bytes", n, sent.Len())
		}
		again, err := parseReport(bytes.TrimSuffix(sent.Bytes(), []byte("\n")))
		if err != nil {
			t.Fatalf("sent again as %s: %v", sent.Bytes(), err)
		}
		if diff := cmp.Diff(plain(r), plain(again)); diff != "" {
			t.Errorf("report (-first +second):\n%s", diff)
		}
	})
}

// FuzzLines: lines are what stands between line breaks, without a byte order mark, and none is longer than the limit.
// The last one counts without its break only if it is a whole JSON object.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\n\nc"), 10)
	f.Add([]byte("too long for this\nx\n"), 8)
	f.Add([]byte("\r\n\x00\n"), 1)
	f.Add([]byte("\ufeff{\"a\":1}\n\ufeff{\"a\":1}"), 40)
	f.Add([]byte("{}\n{\"a\":"), 40)
	f.Add([]byte("12"), 40)
	f.Fuzz(func(t *testing.T, text []byte, limit int) {
		limit = 1 + int(uint(limit)%5000)
		lines := NewLineScanner(bytes.NewReader(text), limit)
		rest := text
		for lines.Scan() {
			line, after, complete := bytes.Cut(rest, []byte("\n"))
			text := bytes.TrimPrefix(line, []byte(byteOrderMark))
			if !complete && !wholeObject(text) || !bytes.Equal(text, lines.Bytes()) || len(line) >= limit {
				t.Fatalf("line %q out of %q", lines.Bytes(), rest)
			}
			rest = after
		}
		line, _, complete := bytes.Cut(rest, []byte("\n"))
		if tooLong := len(line) >= limit; (lines.Err() != nil) != tooLong || (complete || wholeObject(bytes.TrimPrefix(line, []byte(byteOrderMark)))) && !tooLong {
			t.Errorf("stopped before %q with %v", rest, lines.Err())
		}
	})
}

func wholeObject(text []byte) bool {
	return json.Valid(text) && text[0] == '{'
}
