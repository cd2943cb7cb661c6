package processortest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/worker-tier/worker-tier/worker/processor"
	"github.com/worker-tier/worker-tier/worker/processor/processortest"
)

// copier writes each line of an object of the content type docs as an object of its own, one a step.
var copier = processor.Processor{Name: "copier", Version: 1, Open: func(_ context.Context, job *processor.Job) (processor.Steps, error) {
	var at struct{ Line, Offset int64 }
	if _, err := job.DecodeCursor(&at); err != nil {
		return nil, err
	}
	return processor.StepFunc(func(ctx context.Context) (processor.Step, error) {
		r, object, err := job.Artifacts().Open(ctx, "docs/all", at.Offset)
		if err != nil {
			return processor.Step{}, err
		}
		defer func() { _ = r.Close() }()
		text, err := io.ReadAll(r)
		if err != nil {
			return processor.Step{}, err
		}
		line, _, _ := strings.Cut(string(text), "\n")
		if _, err := job.Artifacts().Put(ctx, fmt.Sprintf("mail/line-%d", at.Line), strings.NewReader(line)); err != nil {
			return processor.Step{}, err
		}
		at.Line, at.Offset = at.Line+1, at.Offset+int64(len(line))+1
		return processor.Step{Cursor: at, Done: at.Offset >= object.Size}, nil
	}), nil
}}

// TestFaultsAreOvercome runs a good processor with each kind of trouble in some of its calls.
func TestFaultsAreOvercome(t *testing.T) {
	errRefused := errors.New("slow down")
	for name, fault := range map[string]processortest.Fault{
		"refused": {Refused: errRefused},
		"lost":    {Lost: errRefused},
		"cut":     {Cut: 3},
		"slow":    {Slow: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			processortest.Check(t, processortest.Case{Processor: copier, New: func(t *testing.T) (processor.Job, func(json.RawMessage) any) {
				a := processortest.NewArtifacts("mail")
				a.Set("docs/all", []byte("one\ntwo\nthree\nfour"))
				faults, random := 0, rand.New(rand.NewPCG(1, 2))
				a.Faults = func(processortest.Call) processortest.Fault {
					if random.IntN(3) > 0 {
						return processortest.Fault{}
					}
					faults++
					return fault
				}
				return processor.Job{ContentType: "mail", Services: processor.Services{Artifacts: a}}, func(json.RawMessage) any {
					if faults == 0 {
						t.Error("no call had trouble")
					}
					return a.Objects()
				}
			}})
		})
	}
}

func TestFaults(t *testing.T) {
	a := processortest.NewArtifacts("mail")
	var next processortest.Fault
	a.Faults = func(processortest.Call) processortest.Fault { return next }
	put := func(t *testing.T, key string) error {
		_, err := a.Put(t.Context(), key, strings.NewReader("content"))
		return err
	}
	errTest := errors.New("of the test")
	next = processortest.Fault{Refused: errTest}
	if err := put(t, "mail/refused"); !errors.Is(err, errTest) || len(a.Objects()) != 0 {
		t.Errorf("refused: error %v, %d objects", err, len(a.Objects()))
	}
	next = processortest.Fault{Lost: errTest}
	if err := put(t, "mail/a"); !errors.Is(err, errTest) || len(a.Objects()) != 1 {
		t.Errorf("lost: error %v, %d objects", err, len(a.Objects()))
	}
	next = processortest.Fault{Cut: 3}
	r, _, err := a.Open(t.Context(), "mail/a", 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); string(got) != "con" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut: %q, error %v", got, err)
	}
	synctest.Test(t, func(t *testing.T) {
		next = processortest.Fault{Slow: time.Hour}
		begun := time.Now()
		if err := put(t, "mail/slow"); err != nil || time.Since(begun) != time.Hour {
			t.Errorf("slow: after %s, error %v", time.Since(begun), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := a.Put(ctx, "mail/slow", strings.NewReader("")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("slower than its context: error %v", err)
		}
	})
}

// A job of a test that was given nothing says so.
func TestNoArtifacts(t *testing.T) {
	a := new(processor.Job).Artifacts()
	_, err := a.Put(t.Context(), "mail/a", nil)
	_, _, opened := a.Open(t.Context(), "mail/a", 0)
	_, begun := a.Upload(t.Context(), "mail/a", nil)
	for _, listed := range a.List(t.Context(), "mail/", "") {
		for _, err := range []error{err, opened, begun, listed} {
			if err == nil || !strings.Contains(err.Error(), "set Services.Artifacts") {
				t.Errorf("error %v", err)
			}
		}
	}
}
