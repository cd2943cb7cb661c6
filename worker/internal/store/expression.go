package store

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// expression renders a write in DynamoDB's expression language. Every name goes through a placeholder,
// as half of ours (state, owner, ttl …) are reserved words. Each job costs two: it is made with few allocations.
type expression struct {
	names  map[string]string
	values map[string]types.AttributeValue
}

func newExpression(w job.Write) *expression {
	values := len(w.If) + len(w.Set) + len(w.Add)
	return &expression{make(map[string]string, values+len(w.Remove)), make(map[string]types.AttributeValue, values)}
}

func (e *expression) name(attr string) string {
	placeholder := "#" + attr
	e.names[placeholder] = attr
	return placeholder
}

func (e *expression) value(v any) string {
	placeholder := ":" + strconv.Itoa(len(e.values))
	e.values[placeholder] = toAttribute(v)
	return placeholder
}

func (e *expression) valuesOrNil() map[string]types.AttributeValue {
	if len(e.values) == 0 {
		return nil
	}
	return e.values
}

func (e *expression) condition(conds []job.Cond) *string {
	if len(conds) == 0 {
		return nil
	}
	operators := map[job.Op]string{job.Equal: " = ", job.Less: " < ", job.AtMost: " <= "}
	terms := make([]string, len(conds))
	for i, c := range conds {
		if c.Op == job.Absent {
			terms[i] = "attribute_not_exists(" + e.name(c.Attr) + ")"
			continue
		}
		terms[i] = e.name(c.Attr) + operators[c.Op] + e.value(c.Value)
	}
	text := strings.Join(terms, " AND ")
	return &text
}

func (e *expression) update(w job.Write) *string {
	const term = 32 // characters, about
	var text strings.Builder
	text.Grow(term * (len(w.Set) + len(w.Add) + len(w.Remove)))
	begin := func(i int, word string) {
		switch {
		case i > 0:
			word = ", "
		case text.Len() > 0:
			text.WriteByte(' ')
		}
		text.WriteString(word)
	}
	for i, attr := range sortedKeys(w.Set) {
		begin(i, "SET ")
		text.WriteString(e.name(attr))
		text.WriteString(" = ")
		text.WriteString(e.value(w.Set[attr]))
	}
	for i, attr := range sortedKeys(w.Add) {
		begin(i, "ADD ")
		text.WriteString(e.name(attr))
		text.WriteByte(' ')
		text.WriteString(e.value(w.Add[attr]))
	}
	for i, attr := range w.Remove {
		begin(i, "REMOVE ")
		text.WriteString(e.name(attr))
	}
	rendered := text.String()
	return &rendered
}

func sortedKeys[V any](m map[string]V) []string {
	keys := slices.AppendSeq(make([]string, 0, len(m)), maps.Keys(m))
	slices.Sort(keys)
	return keys
}
