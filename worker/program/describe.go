package program

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/worker-tier/worker-tier/internal/schema"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// schemas are those of a processor; nil: it has none.
type schemas struct{ payload, options *schema.Schema }

func schemasOf(p processor.Processor) (schemas, error) {
	payload, err := schema.Of(p.Payload)
	if err != nil {
		return schemas{}, fmt.Errorf("payload of processor %s: %w", p.Name, err)
	}
	if p.Options != nil && reflect.TypeOf(p.Options).Kind() != reflect.Struct {
		return schemas{}, fmt.Errorf("options of processor %s: must be a struct, not %T", p.Name, p.Options)
	}
	options, err := schema.Of(p.Options)
	if err != nil {
		return schemas{}, fmt.Errorf("options of processor %s: %w", p.Name, err)
	}
	return schemas{payload, options}, nil
}

// checkPayload returns a permanent error with all mistakes of a payload.
func (s schemas) checkPayload(payload json.RawMessage) error {
	if s.payload == nil {
		return nil
	}
	if mistakes := s.payload.Check(payload); len(mistakes) > 0 {
		return processor.Permanent(fmt.Errorf("payload: %w", schema.Error(mistakes)))
	}
	return nil
}

// checkOptions says what is wrong with the options in a worker's settings.
func (s schemas) checkOptions(options json.RawMessage) error {
	switch {
	case s.options == nil && options == nil:
		return nil
	case s.options == nil:
		return errors.New("the processor has no options")
	case options == nil:
		options = json.RawMessage("{}")
	}
	if mistakes := s.options.Check(options); len(mistakes) > 0 {
		return schema.Error(mistakes)
	}
	return nil
}

// describe is what others may know of the processors of a binary.
func describe(processors []processor.Processor) (contract.Description, error) {
	d := contract.Description{Processors: []contract.ProcessorDescription{}}
	for _, p := range processors {
		of, err := schemasOf(p)
		if err != nil {
			return d, err
		}
		one := contract.ProcessorDescription{Name: p.Name, Version: p.Version}
		if of.payload != nil {
			one.Payload, _ = of.payload.MarshalJSON()
		}
		if of.options != nil {
			one.Options, _ = of.options.MarshalJSON()
		}
		d.Processors = append(d.Processors, one)
	}
	slices.SortFunc(d.Processors, func(a, b contract.ProcessorDescription) int { return strings.Compare(a.Name, b.Name) })
	return d, nil
}
