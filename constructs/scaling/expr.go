// Package scaling holds the alarm pair that a group scales out and in by, as plain data: metric
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
	// Eval computes the value at one moment; NaN is no data point.
	Eval(at Point) float64
	// series is false for a number, which is the same at every moment.
	series() bool
}

// Point is what is known at one moment, by the ids of metrics and formulas.
type Point struct {
	// Values holds the data points of this moment. A metric that is not in it has none.
	Values map[string]float64
	// Before holds the most recent data point of each metric before this moment, for FILL(…, REPEAT).
	Before  map[string]float64
	Reading Reading
}

// Reading is how CloudWatch treats a missing data point. AWS's guide and reports of its users differ, so
// every alarm has to act the same under both.
type Reading int

const (
	// Zero is the guide's reading. Between two series a missing point counts as 0, and IF yields 0 where the
	// condition holds and the value for that is missing.
	Zero Reading = iota
	// Drop is the other reading. A missing point anywhere in an operation or in IF removes the result.
	Drop
)

var missing = math.NaN()

type number float64

func (n number) String() string     { return strconv.FormatFloat(float64(n), 'f', -1, 64) }
func (n number) Eval(Point) float64 { return float64(n) }
func (n number) series() bool       { return false }

type id string

func (i id) String() string { return string(i) }
func (i id) series() bool   { return true }

func (i id) Eval(at Point) float64 {
	if v, ok := at.Values[string(i)]; ok {
		return v
	}
	return missing
}

// repeated is a metric whose missing points are filled with the most recent one before them.
type repeated id

func (r repeated) String() string { return "FILL(" + string(r) + ", REPEAT)" }
func (r repeated) series() bool   { return true }

func (r repeated) Eval(at Point) float64 {
	if v := id(r).Eval(at); !math.IsNaN(v) {
		return v
	}
	return id(r).Eval(Point{Values: at.Before})
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
	">=":  {0, func(a, b float64) float64 { return truth(a >= b) }},
	"<=":  {0, func(a, b float64) float64 { return truth(a <= b) }},
	"^":   {0, math.Pow},
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

func (b binary) series() bool { return b.left.series() || b.right.series() }

func (b binary) String() string {
	own := operators[b.op].precedence
	gap := " "
	switch {
	case own == 2:
		gap = ""
	case b.op == "^":
		own = 3 // each operation inside gets parentheses
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

func (b binary) Eval(at Point) float64 {
	left, right := b.left.Eval(at), b.right.Eval(at)
	if at.Reading == Zero && b.left.series() && b.right.series() && math.IsNaN(left) != math.IsNaN(right) {
		left, right = orZero(left), orZero(right)
	}
	if math.IsNaN(left) || math.IsNaN(right) || (b.op == "/" && right == 0) {
		return missing
	}
	return operators[b.op].apply(left, right)
}

func orZero(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

// call is a function of metric math. IF without a third argument has no data point where its condition is false.
type call struct {
	name string
	args []Expr
}

func (c call) series() bool { return true }

func (c call) String() string {
	args := make([]string, len(c.args))
	for i, a := range c.args {
		args[i] = a.String()
	}
	return c.name + "(" + strings.Join(args, ", ") + ")"
}

func (c call) Eval(at Point) float64 {
	v := make([]float64, len(c.args))
	for i, a := range c.args {
		v[i] = a.Eval(at)
	}
	switch c.name {
	case "IF":
		return choose(at.Reading, v)
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

// choose is IF with its arguments v.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#using-IF-expressions
func choose(reading Reading, v []float64) float64 {
	if reading == Drop {
		for _, argument := range v { // a branch that is not taken counts as well
			if math.IsNaN(argument) {
				return missing
			}
		}
	}
	switch {
	case math.IsNaN(v[0]):
		return missing
	case v[0] != 0:
		return orZero(v[1])
	case len(v) < 3:
		return missing
	}
	return v[2]
}

func add(a, b Expr) Expr             { return binary{"+", a, b} }
func sub(a, b Expr) Expr             { return binary{"-", a, b} }
func div(a, b Expr) Expr             { return binary{"/", a, b} }
func gt(a, b Expr) Expr              { return binary{">", a, b} }
func ge(a, b Expr) Expr              { return binary{">=", a, b} }
func le(a, b Expr) Expr              { return binary{"<=", a, b} }
func or(a, b Expr) Expr              { return binary{"OR", a, b} }
func ceil(a Expr) Expr               { return call{"CEIL", []Expr{a}} }
func floor(a Expr) Expr              { return call{"FLOOR", []Expr{a}} }
func sqrt(a Expr) Expr               { return binary{"^", a, number(0.5)} }
func only(condition, then Expr) Expr { return call{"IF", []Expr{condition, then}} }

// fill is the metric, or value where it has no data point.
func fill(metric Expr, value number) Expr { return call{"FILL", []Expr{metric, value}} }

// lastKnown is the most recent value of a metric, or value where none is known. A metric that comes a minute
// later than the others has a value by this.
func lastKnown(metric id, value number) Expr { return fill(repeated(metric), value) }

func and(first Expr, more ...Expr) Expr {
	for _, e := range more {
		first = binary{"AND", first, e}
	}
	return first
}

func mul(first Expr, more ...Expr) Expr {
	for _, e := range more {
		first = binary{"*", first, e}
	}
	return first
}

func when(condition, then, otherwise Expr) Expr {
	return call{"IF", []Expr{condition, then, otherwise}}
}
