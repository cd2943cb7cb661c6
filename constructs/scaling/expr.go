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
	// bind resolves the names to places in a row of values and returns the evaluator.
	bind(names *scope) evaluator
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

// evaluator computes an expression's value from a row; NaN is no data point.
type evaluator func(*row) float64

// row is a moment, with a place for each name of a scope.
type row struct {
	values, before []float64
	reading        Reading
}

// scope gives each name of an alarm its place in a row.
type scope map[string]int

func (s *scope) place(name string) int {
	if at, ok := (*s)[name]; ok {
		return at
	}
	(*s)[name] = len(*s)
	return len(*s) - 1
}

type number float64

func (n number) String() string { return strconv.FormatFloat(float64(n), 'f', -1, 64) }
func (n number) series() bool   { return false }

func (n number) bind(*scope) evaluator { return func(*row) float64 { return float64(n) } }

type id string

func (i id) String() string { return string(i) }
func (i id) series() bool   { return true }

func (i id) bind(names *scope) evaluator {
	place := names.place(string(i))
	return func(r *row) float64 { return r.values[place] }
}

// repeated is a metric whose missing points are filled with the most recent one before them.
type repeated id

func (r repeated) String() string { return "FILL(" + string(r) + ", REPEAT)" }
func (r repeated) series() bool   { return true }

func (r repeated) bind(names *scope) evaluator {
	place := names.place(string(r))
	return func(r *row) float64 {
		if v := r.values[place]; !math.IsNaN(v) {
			return v
		}
		return r.before[place]
	}
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

func (b binary) bind(names *scope) evaluator {
	left, right := b.left.bind(names), b.right.bind(names)
	both, divides, apply := b.left.series() && b.right.series(), b.op == "/", operators[b.op].apply
	return func(r *row) float64 {
		x, y := left(r), right(r)
		if both && r.reading == Zero && math.IsNaN(x) != math.IsNaN(y) {
			x, y = orZero(x), orZero(y)
		}
		if math.IsNaN(x) || math.IsNaN(y) || divides && y == 0 {
			return missing
		}
		return apply(x, y)
	}
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

func (c call) bind(names *scope) evaluator {
	args := make([]evaluator, len(c.args))
	for i, a := range c.args {
		args[i] = a.bind(names)
	}
	switch c.name {
	case "IF":
		return choose(args)
	case "FILL":
		return func(r *row) float64 {
			if v := args[0](r); !math.IsNaN(v) {
				return v
			}
			return args[1](r)
		}
	case "CEIL":
		return func(r *row) float64 { return math.Ceil(args[0](r)) }
	default:
		return func(r *row) float64 { return math.Floor(args[0](r)) }
	}
}

// choose is IF with its arguments.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#using-IF-expressions
func choose(args []evaluator) evaluator {
	condition, then, otherwise := args[0], args[1], evaluator(nil)
	if len(args) > 2 {
		otherwise = args[2]
	}
	return func(r *row) float64 {
		c, t, e := condition(r), then(r), missing
		if otherwise != nil {
			e = otherwise(r)
		}
		// Under Drop a branch that is not taken counts as well.
		gap := math.IsNaN(t) || otherwise != nil && math.IsNaN(e)
		switch {
		case math.IsNaN(c) || r.reading == Drop && gap:
			return missing
		case c != 0:
			return orZero(t)
		}
		return e
	}
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
