package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/constructs/scaling"
	"github.com/worker-tier/worker-tier/constructs/scaling/simulate"
	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/tierspec"
)

type simulateCommand struct {
	Type string        `arg:"" help:"Content type."`
	Jobs string        `xor:"load" help:"CSV file of jobs: submit,seconds[,cpu]. Submit counts in seconds from the start, cpu is per cent of an instance."`
	Load string        `xor:"load" help:"Load to draw, for example \"poisson 20/h, 40m lognormal 0.8; burst 1000 at 06:00, 5m\". Without it jobs keep half of the largest group busy."`
	Seed uint64        `default:"1" help:"Seed of the drawn load."`
	For  time.Duration `default:"24h" help:"Time to simulate at least."`
	CPU  float64       `help:"Per cent of an instance that a job takes. Without it, an equal share of its processes."`
	Set  []string      `sep:"none" placeholder:"KEY=VALUE,…" help:"One more column with other settings: targetLatency, meanJobTime, cpuBelow, for, removePercent, min, max, processesPerInstance."`
	Fail string        `name:"fail-if" placeholder:"late>0.1" help:"Fail if a column is above: late (per cent), p95, longest (seconds) or hours."`
}

// column is the outcome of one setting.
type column struct {
	Set           string  `json:"set"`
	Jobs          int     `json:"jobs"`
	Ended         int     `json:"ended"`
	Late          int     `json:"late"`
	LatePercent   float64 `json:"latePercent"`
	WaitP50       float64 `json:"waitP50Seconds"`
	WaitP95       float64 `json:"waitP95Seconds"`
	WaitLongest   float64 `json:"waitLongestSeconds"`
	MeanInstances float64 `json:"meanInstances"`
	MostInstances int     `json:"mostInstances"`
	InstanceHours float64 `json:"instanceHours"`
	ReversalsADay float64 `json:"reversalsADay"`
	MinutesAtMax  int     `json:"minutesAtMax"`
}

// metricsAge is how old the metrics are that the pair acts on: their minute, and one for them to come. How late they come on
// AWS was not measured yet.
const metricsAge = 2 * time.Minute

// Run simulates the content type's group once as configured, and once for each --set, with the same jobs.
func (c *simulateCommand) Run(s *session) error {
	at := slices.IndexFunc(s.tier.ContentTypes, func(t tierspec.ContentType) bool { return t.Name == c.Type })
	if at < 0 {
		return fmt.Errorf("%s has no content type %s", s.file, c.Type)
	}
	t := s.tier.ContentTypes[at]
	if t.ScaleOut.TargetTracking {
		return fmt.Errorf("content type %s follows target tracking, which is not simulated", t.Name)
	}
	if len(t.Schedule) > 0 || t.SpotPercent > 0 || t.WarmPool.Size > 0 || t.ProtectBusy {
		s.say("schedules, Spot interruptions, warm pools and protectBusy are not simulated")
	}
	exceeds, err := limit(c.Fail)
	if err != nil {
		return err
	}
	jobs, err := c.jobs(t)
	if err != nil {
		return err
	}
	var columns []column
	for _, set := range append([]string{""}, c.Set...) {
		params, err := with(scaling.ParamsOf(t), set)
		if err != nil {
			return err
		}
		if scaling.Boot+metricsAge > params.TargetLatency {
			s.say("%scannot meet its target of %s: an instance boots in %s and the metrics are %s old", prefix(set), params.TargetLatency, scaling.Boot, metricsAge)
		}
		columns = append(columns, summary(set, len(jobs), simulate.Run(simulate.Setup{
			Params: params, Boot: scaling.Boot, Warmup: scaling.Warmup, Drain: t.Job.DrainBudget,
			Zones:  1, // zones decide which instance goes, and not how many
			Delays: simulate.Delays{1, 1, 1}, Jobs: jobs, For: c.For,
		})))
	}
	if err := s.result(columns, operator.Columns(rows(columns))...); err != nil {
		return err
	}
	return exceeds(columns)
}

func prefix(set string) string {
	if set == "" {
		return ""
	}
	return set + " "
}

// jobs is the load.
func (c *simulateCommand) jobs(t tierspec.ContentType) ([]simulate.Job, error) {
	cpu := c.CPU
	if cpu == 0 {
		cpu = 100 / float64(t.ProcessesPerInstance)
	}
	if !(cpu > 0 && cpu <= 100) || c.For <= 0 || c.For > 366*24*time.Hour {
		return nil, &simulate.InputError{Where: "--cpu, --for", What: "want a percentage above 0, and a time of up to 8784h"}
	}
	if c.Jobs != "" {
		file, err := os.Open(c.Jobs)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return simulate.ReadJobs(c.Jobs, file, cpu)
	}
	load := c.Load
	if load == "" {
		slots := float64(t.HighestMax() * t.ProcessesPerInstance)
		load = fmt.Sprintf("poisson %g/h, %s lognormal 1", slots/2/t.ScaleOut.MeanJobTime.Hours(), t.ScaleOut.MeanJobTime)
	}
	return simulate.Draw(load, c.Seed, c.For, cpu)
}

// with changes settings as --set says.
func with(p scaling.Params, set string) (scaling.Params, error) {
	times := map[string]*time.Duration{"targetLatency": &p.TargetLatency, "meanJobTime": &p.MeanJobTime, "for": &p.CPUFor}
	numbers := map[string]*int{
		"cpuBelow": &p.CPUBelow, "removePercent": &p.RemovePercent, "min": &p.MinCapacity, "max": &p.MaxCapacity, "processesPerInstance": &p.Processes,
	}
	for _, one := range strings.FieldsFunc(set, func(r rune) bool { return r == ',' }) {
		key, value, _ := strings.Cut(one, "=")
		wrong := &simulate.InputError{Where: "--set " + one, What: "want targetLatency, meanJobTime, for (as 10m), cpuBelow, removePercent, min, max or processesPerInstance (as 5)"}
		if to := times[key]; to != nil {
			d, err := time.ParseDuration(value)
			if err != nil || d < time.Minute {
				return p, wrong
			}
			*to = d
		} else if to := numbers[key]; to != nil {
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 || n == 0 && key != "min" {
				return p, wrong
			}
			*to = n
		} else {
			return p, wrong
		}
	}
	if p.MinCapacity > p.MaxCapacity || p.CPUBelow > 100 || p.RemovePercent > 100 || p.TargetLatency <= scaling.Boot {
		return p, &simulate.InputError{Where: "--set " + set, What: fmt.Sprintf("want min up to max, per cent up to 100, and a targetLatency above %s", scaling.Boot)}
	}
	return p, nil
}

func summary(set string, jobs int, r simulate.Result) column {
	c := column{Set: set, Jobs: jobs, Ended: r.Ended, Late: r.Late, MostInstances: r.Most, MinutesAtMax: r.MinutesAtMax}
	days := float64(r.Minutes) / (24 * 60)
	c.LatePercent, c.InstanceHours = tidy(100*float64(r.Late)/float64(max(jobs, 1))), tidy(r.InstanceSeconds/3600)
	c.MeanInstances, c.ReversalsADay = tidy(r.InstanceSeconds/60/float64(r.Minutes)), tidy(float64(r.Reversals)/days)
	if n := len(r.Waits); n > 0 {
		c.WaitP50, c.WaitP95, c.WaitLongest = tidy(r.Waits[(n-1)/2]), tidy(r.Waits[(n-1)*95/100]), tidy(r.Waits[n-1])
	}
	return c
}

// tidy rounds to a thousandth, so that processors that add differently print the same.
func tidy(v float64) float64 { return math.Round(v*1000) / 1000 }

func rows(columns []column) [][]string {
	table := [][]string{{""}, {"jobs"}, {"late"}, {"late, per cent"}, {"wait p50, s"}, {"wait p95, s"}, {"longest wait, s"}, {"instances, mean"}, {"instances, most"}, {"instance hours"}, {"reversals a day"}, {"minutes at max"}}
	for _, c := range columns {
		name := c.Set
		if name == "" {
			name = "AS CONFIGURED"
		}
		for i, cell := range []any{name, c.Jobs, c.Late, c.LatePercent, c.WaitP50, c.WaitP95, c.WaitLongest, c.MeanInstances, c.MostInstances, c.InstanceHours, c.ReversalsADay, c.MinutesAtMax} {
			table[i] = append(table[i], fmt.Sprint(cell))
		}
	}
	return table
}

// limit reads --fail-if.
func limit(text string) (func([]column) error, error) {
	if text == "" {
		return func([]column) error { return nil }, nil
	}
	key, number, _ := strings.Cut(text, ">")
	of := map[string]func(column) float64{
		"late": func(c column) float64 { return c.LatePercent }, "p95": func(c column) float64 { return c.WaitP95 },
		"longest": func(c column) float64 { return c.WaitLongest }, "hours": func(c column) float64 { return c.InstanceHours },
	}[key]
	most, err := strconv.ParseFloat(number, 64)
	if of == nil || err != nil {
		return nil, &simulate.InputError{Where: "--fail-if " + text, What: "want late, p95, longest or hours, then > and a number"}
	}
	return func(columns []column) error {
		for _, c := range columns {
			if of(c) > most {
				return fmt.Errorf("%s%s is %v, above %v", prefix(c.Set), key, of(c), most)
			}
		}
		return nil
	}, nil
}
