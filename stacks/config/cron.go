package config

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cronField is one of the five fields of a cron expression.
type cronField struct {
	what              string
	smallest, biggest int
	names             []string // of the values from smallest on
}

// cronFields are those that Auto Scaling takes: Unix cron, without the @words, ?, L, W and # of other dialects.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScheduledUpdateGroupAction.html
var cronFields = [5]cronField{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of the month", 1, 31, nil},
	{"month", 1, 12, strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")},
	{"day of the week", 0, 7, strings.Fields("SUN MON TUE WED THU FRI SAT")},
}

// allowed says in words what values a field has.
func (f cronField) allowed() string {
	text := fmt.Sprintf("%d to %d", f.smallest, f.biggest)
	if f.names != nil {
		text += ", or " + f.names[0] + " to " + f.names[len(f.names)-1]
	}
	return text
}

// cronTimes are the times of a cron expression: bit n of a field stands for the value n.
type cronTimes struct {
	minutes, hours, days, months, weekdays uint64
	anyDay, anyWeekday                     bool // the field is a *
}

// parseCron reads an expression of five fields. The error is a sentence for the person who wrote it.
func parseCron(text string) (cronTimes, error) {
	var values [5]uint64
	fields := strings.Fields(text)
	if len(fields) != len(values) {
		return cronTimes{}, fmt.Errorf("has %d of 5 fields", len(fields))
	}
	for i, field := range fields {
		for item := range strings.SplitSeq(field, ",") {
			found, err := cronFields[i].values(item)
			if err != nil {
				return cronTimes{}, err
			}
			values[i] |= found
		}
	}
	t := cronTimes{values[0], values[1], values[2], values[3], values[4], strings.HasPrefix(fields[2], "*"), strings.HasPrefix(fields[4], "*")}
	t.weekdays = t.weekdays&0x7f | t.weekdays>>7 // 7 is Sunday too
	if t.anyWeekday && !t.hasDay() {
		return cronTimes{}, errors.New("no month of it has a day of it")
	}
	return t, nil
}

// values are those of one item of a field: a value, a range or *, the last two with a step if need be.
func (f cronField) values(item string) (uint64, error) {
	wrong := fmt.Errorf("%s is no %s (%s)", quote(item), f.what, f.allowed())
	span, step, stepped := strings.Cut(item, "/")
	first, last, ranged := strings.Cut(span, "-")
	from, to := f.smallest, f.biggest
	if span != "*" {
		var ok, okToo bool
		from, ok = f.value(first)
		to, okToo = from, true
		if ranged {
			to, okToo = f.value(last)
		}
		if !ok || !okToo {
			return 0, wrong
		}
	}
	every := 1
	if stepped {
		var err error
		if every, err = strconv.Atoi(step); err != nil || every < 1 || every > f.biggest || span != "*" && !ranged {
			return 0, fmt.Errorf("%s is no step of a range (such as */5 or 0-30/10)", quote(item))
		}
	}
	if from > to {
		return 0, fmt.Errorf("%s ends before it starts (write two ranges)", quote(item))
	}
	var found uint64
	for value := from; value <= to; value += every {
		found |= 1 << value
	}
	return found, nil
}

// value is a number or a name.
func (f cronField) value(text string) (int, bool) {
	if i := slices.Index(f.names, strings.ToUpper(text)); i >= 0 {
		return f.smallest + i, true
	}
	number, err := strconv.Atoi(text)
	return number, err == nil && len(text) <= 2 && number >= f.smallest && number <= f.biggest && text[0] != '+' && text[0] != '-'
}

// hasDay is true if one of the months has one of the days.
func (t cronTimes) hasDay() bool {
	longest := [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	first := bits.TrailingZeros64(t.days)
	for month := 1; month <= 12; month++ {
		if t.months>>month&1 != 0 && first <= longest[month] {
			return true
		}
	}
	return false
}

// onDay follows cron's rule: where both fields of the day are restricted, one of them is enough.
func (t cronTimes) onDay(day, weekday int) bool {
	inMonth, inWeek := t.days>>day&1 != 0, t.weekdays>>weekday&1 != 0
	if t.anyDay || t.anyWeekday {
		return inMonth && inWeek
	}
	return inMonth || inWeek
}

// coincide is a moment at which both expressions fire, each in its time zone.
func coincide(a, b cronTimes, inA, inB *time.Location) (time.Time, bool) {
	if inA.String() == inB.String() {
		return coincideHere(a, b, inA)
	}
	// The zones of all countries are multiples of a quarter of an hour away from UTC. A leap year stands for all years.
	start := time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 366 * 24 * 4 {
		quarter := start.Add(time.Duration(i) * 15 * time.Minute)
		if minutes := a.during(quarter.In(inA)) & b.during(quarter.In(inB)); minutes != 0 {
			return quarter.Add(time.Duration(bits.TrailingZeros64(minutes)) * time.Minute), true
		}
	}
	return time.Time{}, false
}

// coincideHere is coincide for one time zone. After 28 years dates and days of the week repeat.
func coincideHere(a, b cronTimes, in *time.Location) (time.Time, bool) {
	hours, minutes, months := a.hours&b.hours, a.minutes&b.minutes, a.months&b.months
	if hours == 0 || minutes == 0 || months == 0 {
		return time.Time{}, false
	}
	start := time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
	for date := start; date.Year() < start.Year()+28; date = date.AddDate(0, 0, 1) {
		_, month, day := date.Date()
		if weekday := int(date.Weekday()); months>>int(month)&1 != 0 && a.onDay(day, weekday) && b.onDay(day, weekday) {
			return time.Date(date.Year(), month, day, bits.TrailingZeros64(hours), bits.TrailingZeros64(minutes), 0, 0, in), true
		}
	}
	return time.Time{}, false
}

// during are the minutes of a quarter of an hour, counted from its start, at which the expression fires.
func (t cronTimes) during(quarter time.Time) uint64 {
	_, month, day := quarter.Date()
	hour, minute, _ := quarter.Clock()
	if t.months>>int(month)&1 == 0 || t.hours>>hour&1 == 0 || !t.onDay(day, int(quarter.Weekday())) {
		return 0
	}
	return t.minutes >> minute & 0x7fff
}
