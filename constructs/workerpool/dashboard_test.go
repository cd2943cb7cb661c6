package workerpool

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/synthtest"
)

// widget is one of a dashboard, as far as tests look.
type widget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Title       string
		Alarms      []string
		Annotations struct {
			Horizontal []struct {
				Label string
				Value float64
			}
		}
	}
}

// widgets are those of the pool's dashboard. Where another resource is named stands its logical ID.
func widgets(t *testing.T, template synthtest.Template) []widget {
	t.Helper()
	parts, _ := template.One(t, "AWS::CloudWatch::Dashboard").At("DashboardBody", "Fn::Join", 1).([]any)
	var text strings.Builder
	for _, part := range parts {
		switch p := part.(type) {
		case string:
			text.WriteString(p)
		case object:
			id, _ := p["Ref"].(string)
			if attribute, ok := p["Fn::GetAtt"].([]any); ok {
				id = fmt.Sprint(attribute[0])
			}
			text.WriteString(id)
		}
	}
	var page struct{ Widgets []widget }
	if err := json.Unmarshal([]byte(text.String()), &page); err != nil {
		t.Fatal(err)
	}
	return page.Widgets
}

// The states of all alarms stand on the dashboard but that of the instance refresh, and of no others; with target tracking AWS makes the pair's.
func TestAllAlarmsAreOnTheDashboard(t *testing.T) {
	for _, tracking := range []bool{false, true} {
		props := mail(t)
		props.ContentType.ScaleOut.TargetTracking = tracking
		template := synth(t, props)
		var want, got []string
		for _, alarm := range shown(t, template) {
			want = append(want, alarm.ID)
		}
		for _, w := range widgets(t, template) {
			if w.Type == "alarm" {
				got = append(got, w.Properties.Alarms...)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("target tracking %t: alarms (-of the pool +shown):\n%s", tracking, diff)
		}
	}
}

func TestWidgetsDoNotOverlap(t *testing.T) {
	taken := map[[2]int]string{}
	for _, w := range widgets(t, synth(t, mail(t))) {
		for x := w.X; x < w.X+w.Width; x++ {
			for y := w.Y; y < w.Y+w.Height; y++ {
				if other, is := taken[[2]int{x, y}]; is || x >= 24 {
					t.Fatalf("%q stands over %q, or outside the 24 columns, at %d, %d", w.Properties.Title, other, x, y)
				}
				taken[[2]int{x, y}] = w.Properties.Title
			}
		}
	}
}

// thresholdsOf are those of a graph of the pool's dashboard, as "label value".
func thresholdsOf(t *testing.T, all []widget, title string) (thresholds []string) {
	t.Helper()
	i := slices.IndexFunc(all, func(w widget) bool { return w.Properties.Title == title })
	if i < 0 {
		t.Fatalf("no graph %q", title)
	}
	for _, l := range all[i].Properties.Annotations.Horizontal {
		thresholds = append(thresholds, fmt.Sprintf("%s %v", l.Label, l.Value))
	}
	return thresholds
}

// TestStepsAndThresholdsAreDrawn: on the dashboard stands from which value on how many instances are added.
func TestStepsAndThresholdsAreDrawn(t *testing.T) {
	props := mail(t)
	props.ContentType.MaxCapacity = 9
	all := widgets(t, synth(t, props))
	for title, want := range map[string][]string{
		"Instances missing (scale out)":                        {"+1 1", "+2 2", "+3 3", "+4 4", "+6 5", "+8 7"},
		"CPU, 100 % while the instances are needed (scale in)": {"scale in up to here 70"},
		"Age of the oldest message, seconds":                   {"target (alarm above) 600"},
	} {
		if diff := cmp.Diff(want, thresholdsOf(t, all, title)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", title, diff)
		}
	}
}
