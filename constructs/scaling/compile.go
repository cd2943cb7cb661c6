package scaling

import "math"

// Compiled is an alarm whose formulas find their metrics by place. It evaluates many minutes without looking up
// names and without allocating. It is not safe for concurrent use.
type Compiled struct {
	metrics  []string
	at       row
	formulas []compiledFormula
	last     int // the place of the value that the alarm compares
}

type compiledFormula struct {
	place int
	value evaluator
}

// Compile resolves the names of the alarm's metrics and formulas.
func (a Alarm) Compile() *Compiled {
	names, c := scope{}, &Compiled{}
	for _, m := range a.Metrics {
		names.place(m.ID)
		c.metrics = append(c.metrics, m.ID)
	}
	for _, f := range a.Formulas {
		value := f.Expr.bind(&names) // before its own name: it may read earlier formulas only
		c.last = names.place(f.ID)
		c.formulas = append(c.formulas, compiledFormula{c.last, value})
	}
	c.at = row{values: make([]float64, len(names)), before: make([]float64, len(names))}
	return c
}

// Eval computes the value that the alarm compares with its threshold; NaN is no data point. The data points stand
// in the order of the alarm's metrics: those of this moment, and the most recent ones before it.
func (c *Compiled) Eval(values, before []float64, reading Reading) float64 {
	for i := range c.at.values {
		c.at.values[i], c.at.before[i] = missing, missing
	}
	copy(c.at.values[:len(c.metrics)], values)
	copy(c.at.before[:len(c.metrics)], before)
	return c.eval(reading)
}

func (c *Compiled) eval(reading Reading) float64 {
	c.at.reading = reading
	for _, f := range c.formulas {
		c.at.values[f.place] = f.value(&c.at)
	}
	return c.at.values[c.last]
}

// Eval computes the value that the alarm compares with its threshold at one moment; NaN is no data point.
// Compile serves where many moments follow.
func (a Alarm) Eval(at Point) float64 {
	c := a.Compile()
	values, before := make([]float64, len(c.metrics)), make([]float64, len(c.metrics))
	for i, name := range c.metrics {
		values[i], before[i] = find(at.Values, name), find(at.Before, name)
	}
	return c.Eval(values, before, at.Reading)
}

func find(data map[string]float64, name string) float64 {
	if v, ok := data[name]; ok {
		return v
	}
	return math.NaN()
}
