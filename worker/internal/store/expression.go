package store

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// expression renders writes in DynamoDB's expression language. Every name goes through a placeholder,
// as half of ours (state, owner, ttl …) are reserved words.
type expression struct {
	names  map[string]string
	values map[string]types.AttributeValue
}

func newExpression() *expression {
	return &expression{names: map[string]string{}, values: map[string]types.AttributeValue{}}
}

func (e *expression) name(attr string) string {
	e.names["#"+attr] = attr
	return "#" + attr
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
	var set, add, remove []string
	for _, attr := range slices.Sorted(maps.Keys(w.Set)) {
		set = append(set, e.name(attr)+" = "+e.value(w.Set[attr]))
	}
	for _, attr := range slices.Sorted(maps.Keys(w.Add)) {
		add = append(add, e.name(attr)+" "+e.value(w.Add[attr]))
	}
	for _, attr := range w.Remove {
		remove = append(remove, e.name(attr))
	}
	var clauses []string
	for _, clause := range []struct {
		word  string
		terms []string
	}{{"SET ", set}, {"ADD ", add}, {"REMOVE ", remove}} {
		if len(clause.terms) > 0 {
			clauses = append(clauses, clause.word+strings.Join(clause.terms, ", "))
		}
	}
	text := strings.Join(clauses, " ")
	return &text
}
