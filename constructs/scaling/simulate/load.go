package simulate

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// InputError is a mistake in a load that somebody wrote.
type InputError struct{ Where, What string }

func (e *InputError) Error() string { return e.Where + ": " + e.What }

// ReadJobs reads a load as CSV, a job a line: submit,seconds[,cpu]. Submit counts in seconds from the start, cpu is per cent of an
// instance. A line that starts with # is a comment, and the first line may name the columns.
func ReadJobs(name string, from io.Reader, cpu float64) ([]Job, error) {
	var jobs []Job
	lines := bufio.NewScanner(from)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' || n == 1 && strings.HasPrefix(text, "submit,") {
			continue
		}
		job, what := parseJob(text, cpu)
		if what != "" {
			return nil, &InputError{fmt.Sprintf("%s:%d", name, n), what}
		}
		jobs = append(jobs, job)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(jobs) == 0 {
		return nil, &InputError{name, "it has no job"}
	}
	sorted(jobs)
	return jobs, nil
}

func sorted(jobs []Job) {
	slices.SortStableFunc(jobs, func(a, b Job) int { return cmp.Compare(a.Submit, b.Submit) })
}

// longest bounds times, in seconds: two years.
const longest = 2 * 365 * 86400

func parseJob(text string, cpu float64) (job Job, what string) {
	fields := strings.Split(text, ",")
	if len(fields) < 2 || len(fields) > 3 {
		return job, fmt.Sprintf("%d fields, want submit,seconds or submit,seconds,cpu", len(fields))
	}
	job.CPU = cpu
	for i, field := range []struct {
		name string
		to   *float64
		most float64
	}{{"submit", &job.Submit, longest}, {"seconds", &job.Seconds, longest}, {"cpu", &job.CPU, 100}}[:len(fields)] {
		v, err := strconv.ParseFloat(strings.TrimSpace(fields[i]), 64)
		if err != nil || !(v >= 0 && v <= field.most) {
			return job, fmt.Sprintf("%s is %q, want a number from 0 to %v", field.name, strings.TrimSpace(fields[i]), field.most)
		}
		*field.to = v
	}
	return job, ""
}

// Draw makes a load of a written form for a time: parts with semicolons between them. "poisson 20/h, 40m lognormal 0.8" are 20
// jobs an hour of 40 minutes in the mean. "burst 1000 at 06:00, 5m" are 1,000 jobs at once. Without lognormal and its sigma each
// job takes the same time. The same seed draws the same jobs.
func Draw(spec string, seed uint64, during time.Duration, cpu float64) ([]Job, error) {
	var jobs []Job
	for i, part := range strings.Split(spec, ";") {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		head, times, _ := strings.Cut(strings.TrimSpace(part), ",")
		seconds, ok := jobTimes(strings.Fields(times), rng)
		var submits []float64
		switch words := strings.Fields(head); {
		case ok && len(words) == 2 && words[0] == "poisson":
			submits, ok = arrivals(words[1], during, rng)
		case ok && len(words) == 4 && words[0] == "burst" && words[2] == "at":
			submits, ok = together(words[1], words[3])
		default:
			ok = false
		}
		if !ok {
			return nil, &InputError{"--load", fmt.Sprintf("%q is no load, want \"poisson 20/h, 40m lognormal 0.8\" or \"burst 1000 at 06:00, 5m\"", strings.TrimSpace(part))}
		}
		for _, at := range submits {
			jobs = append(jobs, Job{at, seconds(), cpu})
		}
	}
	sorted(jobs)
	return jobs, nil
}

// mostJobs bounds a part of a load.
const mostJobs = 1_000_000

// jobTimes reads "40m" or "40m lognormal 0.8".
func jobTimes(words []string, rng *rand.Rand) (func() float64, bool) {
	if len(words) != 1 && (len(words) != 3 || words[1] != "lognormal") {
		return nil, false
	}
	mean, err := time.ParseDuration(words[0])
	if err != nil || mean <= 0 {
		return nil, false
	}
	if len(words) == 1 {
		return mean.Seconds, true
	}
	sigma, err := strconv.ParseFloat(words[2], 64)
	if err != nil || !(sigma > 0 && sigma <= 3) {
		return nil, false
	}
	mu := math.Log(mean.Seconds()) - sigma*sigma/2
	return func() float64 { return math.Exp(mu + sigma*rng.NormFloat64()) }, true
}

// arrivals reads "20/h".
func arrivals(rate string, during time.Duration, rng *rand.Rand) (at []float64, ok bool) {
	number, hourly := strings.CutSuffix(rate, "/h")
	perHour, err := strconv.ParseFloat(number, 64)
	if !hourly || err != nil || !(perHour > 0 && perHour*during.Hours() <= mostJobs) {
		return nil, false
	}
	for t := rng.ExpFloat64() * 3600 / perHour; t < during.Seconds(); t += rng.ExpFloat64() * 3600 / perHour {
		at = append(at, t)
	}
	return at, true
}

// together reads a number and the time of day at which so many jobs come.
func together(number, clock string) ([]float64, bool) {
	n, err := strconv.Atoi(number)
	at, wrong := time.Parse("15:04", clock)
	if err != nil || wrong != nil || n < 1 || n > mostJobs {
		return nil, false
	}
	return slices.Repeat([]float64{float64(at.Hour()*3600 + at.Minute()*60)}, n), true
}
