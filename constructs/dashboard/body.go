// Package dashboard defines the CloudWatch dashboards of a tier: one for each pool, and one for all of
// them that finds new pools by itself.
package dashboard

import (
	"encoding/json"
	"strings"
)

// body is the source of a dashboard.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
type body struct {
	Widgets []widget `json:"widgets"`
}

type widget struct {
	Type       string     `json:"type"` // "metric", "text" or "alarm"
	X          int        `json:"x"`
	Y          int        `json:"y"`
	Width      int        `json:"width"` // of 24
	Height     int        `json:"height"`
	Properties properties `json:"properties"`
}

type properties struct {
	Title       string       `json:"title,omitempty"`
	Region      string       `json:"region,omitempty"`
	View        string       `json:"view,omitempty"`
	Stat        string       `json:"stat,omitempty"`
	Period      int          `json:"period,omitempty"` // seconds
	Metrics     [][]any      `json:"metrics,omitempty"`
	YAxis       *yAxis       `json:"yAxis,omitempty"`
	Annotations *annotations `json:"annotations,omitempty"`
	Markdown    string       `json:"markdown,omitempty"`
	Alarms      []string     `json:"alarms,omitempty"` // ARNs
}

type yAxis struct {
	Left axis `json:"left"`
}

type axis struct {
	Min float64 `json:"min"`
}

type annotations struct {
	Horizontal []line `json:"horizontal"`
}

type line struct {
	Label string  `json:"label"`
	Value float64 `json:"value"`
}

// options are those of one line of a graph.
type options struct {
	ID         string `json:"id,omitempty"`
	Expression string `json:"expression,omitempty"`
	Label      string `json:"label,omitempty"`
	Stat       string `json:"stat,omitempty"`
	Visible    *bool  `json:"visible,omitempty"`
}

const (
	graphWidth  = 12
	graphHeight = 6
	fullWidth   = 2 * graphWidth
	textHeight  = 3
	alarmHeight = 3
)

// graph is a time graph of one-minute points over an axis that starts at 0.
func graph(region, title string, metrics [][]any, threshold ...line) widget {
	p := properties{Title: title, Region: region, View: "timeSeries", Period: 60, Metrics: metrics, YAxis: &yAxis{}}
	if len(threshold) > 0 {
		p.Annotations = &annotations{Horizontal: threshold}
	}
	return widget{Type: "metric", Width: graphWidth, Height: graphHeight, Properties: p}
}

// text is a paragraph over the whole width.
func text(markdown string) widget {
	return widget{Type: "text", Width: fullWidth, Height: textHeight, Properties: properties{Markdown: markdown}}
}

// page lays out what goes over the whole width, from the top down, and graphs below it in two columns, and renders
// all of it. What it is given may hold CDK tokens, which JSON leaves as they are.
func page(top, graphs []widget) string {
	var all []widget
	y := 0
	for _, w := range top {
		w.Y = y
		y += w.Height
		all = append(all, w)
	}
	for i, g := range graphs {
		g.X, g.Y = i%2*graphWidth, y+i/2*graphHeight
		all = append(all, g)
	}
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false) // formulas stay readable
	if err := encoder.Encode(body{Widgets: all}); err != nil {
		panic(err) // plain structs always marshal
	}
	return strings.TrimSuffix(out.String(), "\n")
}
