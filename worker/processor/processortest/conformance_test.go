package processortest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/processor"
)

// mistakeVariable has the test's binary check a processor with that mistake.
const mistakeVariable = "PROCESSORTEST_MISTAKE"

func stopping(job *processor.Job) bool {
	select {
	case <-job.Draining:
		return true
	default:
		return false
	}
}

// words is a processor that writes the payload's words, one a step, in places that its mistake chooses.
func words(mistake string, output map[int]string) processor.Processor {
	return processor.Processor{Name: "words", Version: 1, Payload: []string(nil), Open: func(_ context.Context, job *processor.Job) (processor.Steps, error) {
		var words []string
		if err := job.DecodePayload(&words); err != nil {
			return nil, err
		}
		var n int
		if _, err := job.DecodeCursor(&n); err != nil {
			return nil, err
		}
		tries := int(job.Epoch)
		if mistake == "forgets its cursor" {
			n = 0
		}
		return processor.StepFunc(func(context.Context) (processor.Step, error) {
			switch mistake {
			case "fails now and then":
				if tries++; tries%2 == 0 {
					return processor.Step{}, processor.RetryAt(time.Now().Add(time.Hour), errors.New("busy"))
				}
				if tries%5 == 0 {
					return processor.Step{}, errors.New("connection reset")
				}
				output[n] = words[n]
			case "fails always":
				return processor.Step{}, errors.New("connection reset")
			case "gives up":
				return processor.Step{}, processor.Permanent(errors.New("no such thing"))
			case "loses what a drain cuts short":
				if stopping(job) {
					n++
					return processor.Step{Cursor: n, Done: n == len(words)}, nil
				}
				output[n] = words[n]
			case "stops for a drain":
				if stopping(job) {
					return processor.Step{}, processor.ErrStopped
				}
				output[n] = words[n]
			case "appends":
				output[len(output)] = words[n]
			case "overwrites":
				output[0] += words[n]
				if n == 0 {
					output[0] = words[n]
				}
			default:
				output[n] = words[n]
			}
			n++
			return processor.Step{Cursor: n, Done: n == len(words)}, nil
		}), nil
	}}
}

func check(t *testing.T, mistake string) {
	var output map[int]string
	p := words(mistake, nil)
	p.Open = func(ctx context.Context, job *processor.Job) (processor.Steps, error) {
		return words(mistake, output).Open(ctx, job)
	}
	payload := `["a", "b", "c"]`
	if mistake == "breaks its schema" {
		payload = `["a", 7, "c"]`
	}
	Check(t, Case{Processor: p, New: func(*testing.T) (processor.Job, func(json.RawMessage) any) {
		output = map[int]string{}
		return processor.Job{Payload: json.RawMessage(payload)}, func(json.RawMessage) any { return output }
	}})
}

func TestGoodProcessors(t *testing.T) {
	for _, way := range []string{"", "fails now and then", "stops for a drain"} {
		t.Run(way, func(t *testing.T) { check(t, way) })
	}
}

// TestMistake is run by TestMistakesAreFound, in a process of its own, as it fails.
func TestMistake(t *testing.T) { check(t, os.Getenv(mistakeVariable)) }

func TestMistakesAreFound(t *testing.T) {
	for mistake, want := range map[string][]string{
		"appends":           {"a_zombie_at_every_step", "every_step_twice"},
		"breaks its schema": {"undisturbed"},
		"fails always":      {"undisturbed"},
		"gives up":          {"undisturbed"},

		"loses what a drain cuts short": {"a_drain_in_every_step"},
		"overwrites":                    {"a_zombie_at_every_step", "every_step_twice"},
		"forgets its cursor":            {"a_drain_in_every_step", "a_zombie_at_every_step", "every_step_twice", "resumed_after_every_step"},
	} {
		t.Run(mistake, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestMistake$", "-test.v")
			cmd.Env = append(os.Environ(), mistakeVariable+"="+mistake)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatal("the mistake was not found")
			}
			var failed []string
			for _, m := range regexp.MustCompile(`--- FAIL: TestMistake/(\S+)`).FindAllStringSubmatch(string(out), -1) {
				failed = append(failed, m[1])
			}
			slices.Sort(failed)
			if diff := cmp.Diff(want, failed); diff != "" {
				t.Errorf("%s\n%s", diff, strings.TrimSpace(string(out)))
			}
		})
	}
}
