package scaling

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/scanner"
)

// term is a value of one moment, and whether it is a series or a number.
type term struct {
	value  float64
	series bool
}

// parse reads metric math independently of how it was rendered: a recursive descent over the text, with
// the usual precedences and the logical operators binding least. It evaluates while it reads.
type parse struct {
	scanner.Scanner
	token string
	at    Point
}

func evaluateText(text string, at Point) (float64, error) {
	p := &parse{at: at}
	p.Init(strings.NewReader(text))
	p.Mode = scanner.ScanIdents | scanner.ScanFloats | scanner.ScanInts
	p.next()
	v := p.logic()
	if p.token != "" {
		return 0, fmt.Errorf("%q: unexpected %q at %s", text, p.token, p.Position)
	}
	return v.value, nil
}

func (p *parse) next() {
	p.token = ""
	if p.Scan() != scanner.EOF {
		p.token = p.TokenText()
	}
	if (p.token == "<" || p.token == ">") && p.Peek() == '=' {
		p.Scan()
		p.token += "="
	}
}

func (p *parse) level(operators string, deeper func() term, apply func(op string, a, b float64) float64) term {
	v := deeper()
	for p.token != "" && strings.Contains(operators, " "+p.token+" ") {
		op := p.token
		p.next()
		w := deeper()
		a, b := v.value, w.value
		if p.at.Reading == Zero && v.series && w.series {
			switch {
			case math.IsNaN(a) && math.IsNaN(b):
			case math.IsNaN(a):
				a = 0
			case math.IsNaN(b):
				b = 0
			}
		}
		v = term{math.NaN(), v.series || w.series}
		if !math.IsNaN(a) && !math.IsNaN(b) {
			v.value = apply(op, a, b)
		}
	}
	return v
}

func bit(b bool) float64 { return map[bool]float64{true: 1}[b] }

func (p *parse) logic() term {
	return p.level(" AND OR ", p.comparison, func(op string, a, b float64) float64 {
		return bit(op == "AND" && a*b != 0 || op == "OR" && math.Abs(a)+math.Abs(b) != 0)
	})
}

func (p *parse) comparison() term {
	return p.level(" > >= <= ", p.sum, func(op string, a, b float64) float64 {
		switch op {
		case ">":
			return bit(a > b)
		case ">=":
			return bit(a >= b)
		}
		return bit(a <= b)
	})
}

func (p *parse) sum() term {
	return p.level(" + - ", p.product, func(op string, a, b float64) float64 {
		if op == "-" {
			b = -b
		}
		return a + b
	})
}

func (p *parse) product() term {
	return p.level(" * / ", p.power, func(op string, a, b float64) float64 {
		switch {
		case op == "*":
			return a * b
		case b == 0:
			return math.NaN()
		}
		return a / b
	})
}

func (p *parse) power() term {
	return p.level(" ^ ", p.operand, func(_ string, a, b float64) float64 { return math.Pow(a, b) })
}

func (p *parse) operand() term {
	token := p.token
	p.next()
	switch token {
	case "(":
		v := p.logic()
		p.next() // ")"
		return v
	case "-":
		v := p.operand()
		return term{-v.value, v.series}
	}
	if v, err := strconv.ParseFloat(token, 64); err == nil {
		return term{value: v}
	}
	if p.token != "(" {
		if v, ok := p.at.Values[token]; ok {
			return term{v, true}
		}
		return term{math.NaN(), true}
	}
	if token == "FILL" {
		return p.fill()
	}
	var args []term
	for p.token != ")" && p.token != "" {
		p.next()
		args = append(args, p.logic())
	}
	p.next() // ")"
	return term{p.apply(token, args), true}
}

// fill reads the arguments of FILL, the second of which may be a word.
func (p *parse) fill() term {
	p.next() // "("
	metric := p.token
	v := p.logic()
	p.next() // ","
	if p.token != "REPEAT" {
		w := p.logic()
		if math.IsNaN(v.value) {
			v.value = w.value
		}
	} else {
		p.next()
		if before, ok := p.at.Before[metric]; ok && math.IsNaN(v.value) {
			v.value = before
		}
	}
	p.next() // ")"
	return term{v.value, true}
}

func (p *parse) apply(name string, args []term) float64 {
	switch name {
	case "CEIL":
		return math.Ceil(args[0].value)
	case "FLOOR":
		return math.Floor(args[0].value)
	}
	condition, then, otherwise := args[0].value, args[1].value, math.NaN()
	if len(args) > 2 {
		otherwise = args[2].value
	}
	gap := math.IsNaN(condition) || math.IsNaN(then) || len(args) > 2 && math.IsNaN(otherwise)
	if math.IsNaN(condition) || p.at.Reading == Drop && gap {
		return math.NaN()
	}
	if condition == 0 {
		return otherwise
	}
	if math.IsNaN(then) {
		return 0
	}
	return then
}
