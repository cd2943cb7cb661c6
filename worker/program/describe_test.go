package program

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/processor"
)

type pages struct {
	URL   string `json:"url" jsonschema:"pattern=^https://"`
	Depth int    `json:"depth,omitempty" jsonschema:"minimum=1"`
}

type limits struct {
	Rate  int    `json:"rate" jsonschema:"minimum=1"`
	Agent string `json:"agent,omitempty"`
}

// typed is a processor with schemas. It reports what it was opened with.
func typed(opened func(pages, limits)) processor.Processor {
	return processor.Processor{Name: "typed", Version: 2, Payload: pages{}, Options: limits{}, Open: func(_ context.Context, job *processor.Job) (processor.Steps, error) {
		var p pages
		l := limits{Agent: "default"}
		if err := job.DecodePayload(&p); err != nil {
			return nil, err
		}
		if err := job.DecodeOptions(&l); err != nil {
			return nil, err
		}
		opened(p, l)
		return processor.StepFunc(func(context.Context) (processor.Step, error) { return processor.Step{Done: true}, nil }), nil
	}}
}

// open runs a job of the processor typed with options of its content type.
func open(t *testing.T, payload, options string, opened func(pages, limits)) protocol.Outcome {
	t.Helper()
	p := typed(opened)
	of, err := schemasOf(p)
	if err != nil {
		t.Fatal(err)
	}
	settings := contract.Settings{Options: json.RawMessage(options)}
	task := &slot.Task{Assignment: protocol.Assignment{Payload: json.RawMessage(payload), ContentType: "sites"}}
	return runner{processor: p, schemas: of, settings: settings, task: task, to: &hearer{}}.run(t.Context())
}

func TestJobIsOpenedWithPayloadAndOptions(t *testing.T) {
	outcome := open(t, `{"url": "https://a", "depth": 2}`, `{"rate": 5}`, func(p pages, l limits) {
		if p != (pages{"https://a", 2}) || l != (limits{5, "default"}) {
			t.Errorf("opened with %+v and %+v", p, l)
		}
	})
	if outcome.Kind != protocol.Done {
		t.Errorf("outcome %+v", outcome)
	}
}

func TestPayloadEndsAJobWithAllItsMistakes(t *testing.T) {
	for payload, want := range map[string]string{
		``:     "payload: is empty, want JSON",
		`null`: "payload: must be an object, not null",
		`{"url": "http://a", "depth": 0, "dept": 2}`: `payload: 3 mistakes: dept: unknown key; depth: must be at least 1, not 0; url: "http://a" does not match the pattern ^https://`,
	} {
		outcome := open(t, payload, `{"rate": 5}`, func(pages, limits) { t.Errorf("%s was opened", payload) })
		if diff := cmp.Diff(protocol.Outcome{Kind: protocol.Permanent, Error: want}, outcome); diff != "" {
			t.Errorf("%s (-want +got):\n%s", payload, diff)
		}
	}
}

// Options that were meant for another release are no fault of the job.
func TestOptionsThatCannotBeRead(t *testing.T) {
	outcome := open(t, `{"url": "https://a"}`, `{"pace": 5}`, func(pages, limits) { t.Error("it was opened") })
	if want := `options of content type sites: json: unknown field "pace"`; outcome.Kind != protocol.Retry || outcome.Error != want {
		t.Errorf("outcome %+v, want %q", outcome, want)
	}
}

// TestSlotWithWrongOptionsIsNeverReady: the instance takes no job.
func TestSlotWithWrongOptionsIsNeverReady(t *testing.T) {
	for _, c := range []struct{ name, options, want string }{
		{"typed", `{"rate": 0, "agnt": "a"}`, "WORKER_OPTIONS: 2 mistakes: agnt: unknown key; rate: must be at least 1, not 0"},
		{"typed", ``, "WORKER_OPTIONS: rate: is missing"},
		{"count", `{"rate": 1}`, "WORKER_OPTIONS: the processor has no options"},
	} {
		s := settings()
		s.Processor, s.Options = c.name, json.RawMessage(c.options)
		for name, value := range s.Environ() {
			t.Setenv(name, value)
		}
		if c.options == "" {
			t.Setenv(contract.EnvOptions, "")
		}
		err := runSlot(t.Context(), []processor.Processor{typed(nil), count()}, c.name)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s %s: error %v, want %q", c.name, c.options, err, c.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	got, err := describe([]processor.Processor{typed(nil), count()})
	if err != nil {
		t.Fatal(err)
	}
	const version = `"$schema":"https://json-schema.org/draft/2020-12/schema",`
	want := contract.Description{Processors: []contract.ProcessorDescription{
		{Name: "count", Version: 3},
		{Name: "typed", Version: 2,
			Payload: json.RawMessage(`{` + version + `"properties":{"url":{"type":"string","pattern":"^https://"},"depth":{"type":"integer","minimum":1}},"additionalProperties":false,"type":"object","required":["url"]}`),
			Options: json.RawMessage(`{` + version + `"properties":{"rate":{"type":"integer","minimum":1},"agent":{"type":"string"}},"additionalProperties":false,"type":"object","required":["rate"]}`)},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTypesWithoutASchema(t *testing.T) {
	for want, p := range map[string]processor.Processor{
		"payload of processor p: ":                               {Name: "p", Payload: struct{ C chan int }{}},
		"options of processor p: ":                               {Name: "p", Options: struct{ F func() }{}},
		"options of processor p: must be a struct, not []string": {Name: "p", Options: []string(nil)},
	} {
		if _, err := describe([]processor.Processor{p}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
