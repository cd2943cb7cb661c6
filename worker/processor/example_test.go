package processor_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/worker-tier/worker-tier/worker/processor"
)

// A processor that adds up numbers, one a step. The main function of a worker with it is
//
//	func main() { program.Main(sum) }
func Example() {
	sum := processor.Processor{Name: "sum", Version: 1, Open: func(_ context.Context, job *processor.Job) (processor.Steps, error) {
		var numbers []int
		if err := job.DecodePayload(&numbers); err != nil {
			return nil, err
		}
		var at struct{ Next, Sum int }
		if _, err := job.DecodeCursor(&at); err != nil {
			return nil, err
		}
		return processor.StepFunc(func(context.Context) (processor.Step, error) {
			at.Sum += numbers[at.Next]
			at.Next++
			return processor.Step{Cursor: at, Done: at.Next == len(numbers)}, nil
		}), nil
	}}

	job := processor.Job{Payload: json.RawMessage(`[1, 2, 3]`), Cursor: json.RawMessage(`{"Next": 2, "Sum": 3}`)}
	steps, err := sum.Open(context.Background(), &job)
	if err != nil {
		panic(err)
	}
	step, err := steps.Step(context.Background())
	fmt.Println(step.Cursor, step.Done, err)
	// Output: {3 6} true <nil>
}
