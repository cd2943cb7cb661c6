package operator_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/worker-tier/worker-tier/internal/operator"
)

func TestOnlyAPersonWhoAgreesConfirms(t *testing.T) {
	agree := func(p operator.Person) error { return p.Agree("cancel 2 jobs?") }
	word := func(p operator.Person) error { return p.Type("mail is destroyed.", "mail") }
	for name, c := range map[string]struct {
		ask       func(operator.Person) error
		answer    string
		confirmed bool
	}{
		"y":                    {agree, "y\n", true},
		"yes in capitals":      {agree, " YES \n", true},
		"y, and the end":       {agree, "y", true},
		"only enter":           {agree, "\n", false},
		"no answer":            {agree, "", false},
		"yes and more":         {agree, "yes please\n", false},
		"the word":             {word, "mail\n", true},
		"the word in capitals": {word, "MAIL\n", false},
		"another word":         {word, "yes\n", false},
	} {
		var asked strings.Builder
		err := c.ask(operator.Person{In: strings.NewReader(c.answer), Answers: true, Out: &asked})
		if (err == nil) != c.confirmed || err != nil && err.Error() != "not confirmed: nothing was changed" {
			t.Errorf("%s: error %v", name, err)
		}
		if got := asked.String(); got != "cancel 2 jobs? [y/N] " && got != "mail is destroyed.\nType mail to go on: " {
			t.Errorf("%s: asked %q", name, got)
		}
		err = c.ask(operator.Person{In: strings.NewReader(c.answer), Out: io.Discard})
		if err == nil || !strings.HasSuffix(err.Error(), " Nothing was changed: there is nobody to ask, repeat it with --yes") {
			t.Errorf("%s, and nobody is there: error %v", name, err)
		}
	}
	broken := errors.New("broken")
	if err := agree(operator.Person{In: iotest.ErrReader(broken), Answers: true, Out: io.Discard}); !errors.Is(err, broken) {
		t.Errorf("the answer cannot be read: error %v", err)
	}
}

func TestPlural(t *testing.T) {
	for n, want := range map[int]string{0: "0 jobs", 1: "1 job", 2: "2 jobs"} {
		if got := operator.Plural(n, "job"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
