// Package scaling holds the alarm pair that a worker pool grows and shrinks by, as plain data: metric
// math that is rendered for CloudWatch and evaluated in Go from one tree, thresholds and step tables.
package scaling

import (
	"math"
	"strconv"
	"strings"
)

// Expr is an expression of CloudWatch metric math.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
type Expr interface {
	// String renders the text that CloudWatch evaluates.
	String() string
	// Eval computes the value at one moment from data, metric id → value. A metric that is not in data
	// has no data point there; the result is then NaN (no data point), unless Fill stands between.
	Eval(data map[string]float64) float64
}

type number float64

func (n number) String() string                  { return strconv.FormatFloat(float64(n), 'f', -1, 64) }
func (n number) Eval(map[string]float64) float64 { return float64(n) }

type id string

func (i id) String() string { return string(i) }

func (i id) Eval(data map[string]float64) float64 {
	if v, ok := data[string(i)]; ok {
		return v
	}
	return math.NaN()
}

// binary is an operator between two operands. Comparisons and logic yield 1 or 0.
type binary struct {
	op          string
	left, right Expr
}

var operators = map[string]struct {
	precedence int // 0: never without parentheses inside another operator; AWS documents none for these
	apply      func(a, b float64) float64
}{
	"OR":  {0, func(a, b float64) float64 { return truth(a != 0 || b != 0) }},
	"AND": {0, func(a, b float64) float64 { return truth(a != 0 && b != 0) }},
	">":   {0, func(a, b float64) float64 { return truth(a > b) }},
	"<=":  {0, func(a, b float64) float64 { return truth(a <= b) }},
	"+":   {1, func(a, b float64) float64 { return a + b }},
	"-":   {1, func(a, b float64) float64 { return a - b }},
	"*":   {2, func(a, b float64) float64 { return a * b }},
	"/":   {2, func(a, b float64) float64 { return a / b }},
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (b binary) String() string {
	own := operators[b.op].precedence
	gap := " "
	if own == 2 {
		gap = ""
	}
	return b.operand(b.left, own) + gap + b.op + gap + b.operand(b.right, own+1)
}

// operand renders e with parentheses where it binds less than least. Operators of the same precedence
// group from the left.
func (b binary) operand(e Expr, least int) string {
	inner, nested := e.(binary)
	if !nested {
		return e.String()
	}
	if p := operators[inner.op].precedence; p == 0 || p < least {
		return "(" + e.String() + ")"
	}
	return e.String()
}

func (b binary) Eval(data map[string]float64) float64 {
	left, right := b.left.Eval(data), b.right.Eval(data)
	if math.IsNaN(left) || math.IsNaN(right) || (b.op == "/" && right == 0) {
		return math.NaN()
	}
	return operators[b.op].apply(left, right)
}

// call is a function of metric math.
type call struct {
	name string
	args []Expr
}

func (c call) String() string {
	args := make([]string, len(c.args))
	for i, a := range c.args {
		args[i] = a.String()
	}
	return c.name + "(" + strings.Join(args, ", ") + ")"
}

func (c call) Eval(data map[string]float64) float64 {
	v := make([]float64, len(c.args))
	for i, a := range c.args {
		v[i] = a.Eval(data)
		if math.IsNaN(v[i]) && c.name != "FILL" {
			return math.NaN() // for IF the cautious reading: a branch that is not taken counts as well
		}
	}
	switch c.name {
	case "IF":
		if v[0] != 0 {
			return v[1]
		}
		return v[2]
	case "FILL":
		if math.IsNaN(v[0]) {
			return v[1]
		}
		return v[0]
	case "CEIL":
		return math.Ceil(v[0])
	default:
		return math.Floor(v[0])
	}
}

func add(a, b Expr) Expr  { return binary{"+", a, b} }
func sub(a, b Expr) Expr  { return binary{"-", a, b} }
func div(a, b Expr) Expr  { return binary{"/", a, b} }
func gt(a, b Expr) Expr   { return binary{">", a, b} }
func le(a, b Expr) Expr   { return binary{"<=", a, b} }
func and(a, b Expr) Expr  { return binary{"AND", a, b} }
func or(a, b Expr) Expr   { return binary{"OR", a, b} }
func ceil(a Expr) Expr    { return call{"CEIL", []Expr{a}} }
func floor(a Expr) Expr   { return call{"FLOOR", []Expr{a}} }
func fill(metric id) Expr { return fillWith(metric, 0) }

func fillWith(metric id, missing number) Expr { return call{"FILL", []Expr{metric, missing}} }

func mul(first Expr, more ...Expr) Expr {
	for _, e := range more {
		first = binary{"*", first, e}
	}
	return first
}

func when(condition, then, otherwise Expr) Expr {
	return call{"IF", []Expr{condition, then, otherwise}}
}
