package metrics

import (
	"bytes"
	"strconv"
	"strings"
	"sync/atomic"
)

// Kind says how the values of a metric develop.
type Kind string

// The kinds: a counter only grows, from 0 at the start of the worker.
const (
	Counter Kind = "counter"
	Gauge   Kind = "gauge"
)

// Family is one metric with a value for each combination of its labels. Names and units are Prometheus' own conventions:
// base units, _total for counters.
// https://prometheus.io/docs/practices/naming/
type Family struct {
	Name   string
	Kind   Kind
	Help   string // one sentence
	Labels []string
	Read   func(add Add)
}

// Add takes one value of a family, with the values of its labels.
type Add func(value float64, labels ...string)

// One reads a family without labels.
func One(value func() float64) func(Add) {
	return func(add Add) { add(value()) }
}

// Count reads a counter.
func Count(n *atomic.Int64) func(Add) {
	return One(func() float64 { return float64(n.Load()) })
}

// Truth is 1 for true.
func Truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// counts reads counters by the values of the one label.
func counts(of []atomic.Int64, labels []string) func(Add) {
	return func(add Add) {
		for i := range of {
			add(float64(of[i].Load()), labels[i])
		}
	}
}

// ExpositionType is the media type of [Exposition].
const ExpositionType = "text/plain; version=0.0.4; charset=utf-8"

// labelEscapes is what the text format wants of a label's value.
var labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// Exposition is the families in Prometheus' text format.
// https://prometheus.io/docs/instrumenting/exposition_formats/
func Exposition(families []Family) []byte {
	var text bytes.Buffer
	for _, f := range families {
		text.WriteString("# HELP " + f.Name + " " + f.Help + "\n# TYPE " + f.Name + " " + string(f.Kind) + "\n")
		f.Read(func(value float64, labels ...string) {
			text.WriteString(f.Name)
			separator := "{"
			for i, name := range f.Labels {
				text.WriteString(separator + name + `="` + labelEscapes.Replace(labels[i]) + `"`)
				separator = ","
			}
			if len(f.Labels) > 0 {
				text.WriteString("}")
			}
			text.WriteString(" " + number(value) + "\n")
		})
	}
	return text.Bytes()
}

func number(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }
