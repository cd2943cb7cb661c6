package config

import (
	"testing"
	"time"
)

func TestCronExpressions(t *testing.T) {
	for text, want := range map[string]string{
		"* * * * *":                "",
		"0 7 * * MON-FRI":          "",
		"0 7 * * mon,Wed,5-7":      "",
		"*/15 0-12/4 1,15 JAN-3 *": "",
		"0 0 29 2 *":               "",
		"0 0 31 4 MON":             "", // Mondays of April
		"59 23 31 12 7":            "",
		"60 * * * *":               `"60" is no minute (0 to 59)`,
		"* 24 * * *":               `"24" is no hour (0 to 23)`,
		"* * 0 * *":                `"0" is no day of the month (1 to 31)`,
		"* * * 13 *":               `"13" is no month (1 to 12, or JAN to DEC)`,
		"* * * * 8":                `"8" is no day of the week (0 to 7, or SUN to SAT)`,
		"* * * * MONDAY":           `"MONDAY" is no day of the week (0 to 7, or SUN to SAT)`,
		"+5 * * * *":               `"+5" is no minute (0 to 59)`,
		"007 * * * *":              `"007" is no minute (0 to 59)`,
		"1,,2 * * * *":             `"" is no minute (0 to 59)`,
		"1- * * * *":               `"1-" is no minute (0 to 59)`,
		"1-2-3 * * * *":            `"1-2-3" is no minute (0 to 59)`,
		"*/0 * * * *":              `"*/0" is no step of a range (such as */5 or 0-30/10)`,
		"5/10 * * * *":             `"5/10" is no step of a range (such as */5 or 0-30/10)`,
		"* * * * FRI-MON":          `"FRI-MON" ends before it starts (write two ranges)`,
		"0 0 31 2,4,6 *":           "no month of it has a day of it",
		"0 0 ? * *":                `"?" is no day of the month (1 to 31)`,
		"@daily":                   "has 1 of 5 fields",
	} {
		got := ""
		if _, err := parseCron(text); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// The rule of cron's two day fields, and rare dates.
func TestMomentsOfTwoSchedules(t *testing.T) {
	for _, c := range []struct {
		a, b, zone string // of b; a is in UTC
		want       string
	}{
		{"0 7 * * *", "1 7 * * *", "UTC", ""},
		{"0 7 1 * *", "0 7 2 * *", "UTC", ""},
		{"0 7 * * MON", "0 7 * * TUE", "UTC", ""},
		{"0 7 13 6 *", "0 7 * * FRI", "UTC", "2031-06-13 07:00"},
		{"0 7 1 * MON", "0 7 * * MON", "UTC", "2028-01-03 07:00"},
		{"0 7 * * 7", "0 7 * * SUN", "UTC", "2028-01-02 07:00"},
		{"0 7 * 1-6 *", "0 7 * 7-12 *", "UTC", ""},
		{"15 23 31 12 *", "0 5 1 1 *", "Asia/Kathmandu", "2028-12-31 23:15"},
		{"0 6 * 1 *", "0 7 * * *", "Europe/Berlin", "2028-01-01 06:00"},
		{"0 6 * 7 *", "0 7 * * *", "Europe/Berlin", ""}, // two hours apart in summer
	} {
		a, errA := parseCron(c.a)
		b, errB := parseCron(c.b)
		in, err := time.LoadLocation(c.zone)
		if errA != nil || errB != nil || err != nil {
			t.Fatal(errA, errB, err)
		}
		got := ""
		if moment, ok := coincide(a, b, time.UTC, in); ok {
			got = moment.UTC().Format("2006-01-02 15:04")
		}
		if got != c.want {
			t.Errorf("%s and %s %s: %q, want %q", c.a, c.b, c.zone, got, c.want)
		}
	}
}
