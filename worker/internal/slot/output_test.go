package slot

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestOutputIsBounded: a flood costs the log a mebibyte in each minute, and what is left out is said once, with how much it was.
func TestOutputIsBounded(t *testing.T) {
	var log bytes.Buffer
	o := newOutput(slog.New(slog.NewTextHandler(&log, nil)))
	start := time.UnixMilli(1_700_000_000_000)
	line := strings.Repeat("x", 1000)
	logged := func(what string) int { return strings.Count(log.String(), what) }
	for n := range 16_000 { // 16 MB within a window
		o.pass(line, start.Add(time.Duration(n)*outputWindow/16_001))
	}
	if n := log.Len(); n < mostOutput*3/4 || n > mostOutput*11/10 {
		t.Errorf("logged %d bytes of 16 MB, want about %d", n, mostOutput)
	}
	kept := logged("slot output")
	o.pass("short", start.Add(outputWindow-1)) // no line passes those left out
	if logged("line=short") != 0 {
		t.Error("a line was logged in a full window")
	}
	for _, after := range []time.Duration{outputWindow, 2 * outputWindow, 3 * outputWindow} {
		o.pass("next", start.Add(after))
	}
	o.reportLost()
	left := 16_000 - kept + 1
	want := "lines=" + slog.IntValue(left).String() + " bytes=" + slog.IntValue((left-1)*1000+5).String()
	if logged("line=next") != 3 || logged("left out") != 1 || logged(want) != 1 {
		t.Errorf("want one line with %q and three with next:\n%s", want, log.String()[log.Len()-600:])
	}
}

// TestShortLinesCostToo: what the log adds to a line is counted, or empty lines would have no bound.
func TestShortLinesCostToo(t *testing.T) {
	var log bytes.Buffer
	o := newOutput(slog.New(slog.NewJSONHandler(&log, nil)))
	for range 1_000_000 {
		o.pass("x", time.UnixMilli(0))
	}
	if log.Len() > mostOutput {
		t.Errorf("logged %d bytes, want at most %d", log.Len(), mostOutput)
	}
}
