package scaling

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/scanner"
)

// parse reads metric math independently of how it was rendered: a recursive descent over the text, with
// the usual precedences and the logical operators binding least. It evaluates while it reads.
type parse struct {
	scanner.Scanner
	token string
	data  map[string]float64
}

func evaluateText(text string, data map[string]float64) (float64, error) {
	p := &parse{data: data}
	p.Init(strings.NewReader(text))
	p.Mode = scanner.ScanIdents | scanner.ScanFloats | scanner.ScanInts
	p.next()
	v := p.logic()
	if p.token != "" {
		return 0, fmt.Errorf("%q: unexpected %q at %s", text, p.token, p.Position)
	}
	return v, nil
}

func (p *parse) next() {
	p.token = ""
	if p.Scan() != scanner.EOF {
		p.token = p.TokenText()
	}
	if p.token == "<" && p.Peek() == '=' {
		p.Scan()
		p.token = "<="
	}
}

func (p *parse) level(operators string, deeper func() float64, apply func(op string, a, b float64) float64) float64 {
	v := deeper()
	for p.token != "" && strings.Contains(operators, " "+p.token+" ") {
		op := p.token
		p.next()
		w := deeper()
		if math.IsNaN(v) || math.IsNaN(w) {
			v = math.NaN()
			continue
		}
		v = apply(op, v, w)
	}
	return v
}

func bit(b bool) float64 { return map[bool]float64{true: 1}[b] }

func (p *parse) logic() float64 {
	return p.level(" AND OR ", p.comparison, func(op string, a, b float64) float64 {
		return bit(op == "AND" && a*b != 0 || op == "OR" && math.Abs(a)+math.Abs(b) != 0)
	})
}

func (p *parse) comparison() float64 {
	return p.level(" > <= ", p.sum, func(op string, a, b float64) float64 { return bit((op == ">") == (a > b)) })
}

func (p *parse) sum() float64 {
	return p.level(" + - ", p.product, func(op string, a, b float64) float64 {
		if op == "-" {
			b = -b
		}
		return a + b
	})
}

func (p *parse) product() float64 {
	return p.level(" * / ", p.operand, func(op string, a, b float64) float64 {
		switch {
		case op == "*":
			return a * b
		case b == 0:
			return math.NaN()
		}
		return a / b
	})
}

func (p *parse) operand() float64 {
	token := p.token
	p.next()
	if token == "(" {
		v := p.logic()
		p.next() // ")"
		return v
	}
	if v, err := strconv.ParseFloat(token, 64); err == nil {
		return v
	}
	if p.token != "(" {
		if v, ok := p.data[token]; ok {
			return v
		}
		return math.NaN()
	}
	var args []float64
	for p.token != ")" && p.token != "" {
		p.next()
		args = append(args, p.logic())
	}
	p.next() // ")"
	return apply(token, args)
}

func apply(name string, args []float64) float64 {
	switch name {
	case "FILL":
		if math.IsNaN(args[0]) {
			return args[1]
		}
		return args[0]
	case "CEIL":
		return math.Ceil(args[0])
	case "FLOOR":
		return math.Floor(args[0])
	}
	if math.IsNaN(args[0] + args[1] + args[2]) {
		return math.NaN()
	}
	return args[1]*bit(args[0] != 0) + args[2]*bit(args[0] == 0)
}
