package operator_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/internal/operator"
)

// hostile are texts that a terminal would act on, with their form in one line.
var hostile = map[string]string{
	"a\x1b[2Jb":                `a\x1b[2Jb`,
	"\x1b]52;c;cm0gLXJm\x07":   `\x1b]52;c;cm0gLXJm\a`,
	"\u009b31mred":             `\u009b31mred`,
	"\x9b31m":                  `\x9b31m`,
	"one\ntwo\r\nthree":        "one two  three",
	"a\vb\fc\td\u0085e\u2028f": "a b c d e f",
	"a\bb\x7fc\x00":            `a\bb\x7fc\x00`,
	"\u202egnp.exe":            `\u202egnp.exe`,
	"\u200fa\u061cb\u2066c":    `\u200fa\u061cb\u2066c`,
	"\U000e0041\ufeff\u00ad":   `\U000e0041\ufeff\u00ad`,
}

func TestOneLine(t *testing.T) {
	for text, want := range hostile {
		if got := operator.OneLine(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{
		"", "plain text, with | and \\ and \" and '", "grüße", "e\u0301 combined", "日本語", "שלום", "سلام", "👩\ufe0f", "\ufffd", "\\x1b",
	} {
		if got := operator.OneLine(text); got != text {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

func TestOneRowIsOneLine(t *testing.T) {
	for text, shown := range hostile {
		var out strings.Builder
		p := operator.Printer{To: &out}
		p.Line("job %s is %s", text, "DEAD")
		if err := p.Table([][]string{{"ID", "TENANT"}, {text, "x"}, {"\xff", text}}); err != nil {
			t.Fatal(err)
		}
		p.Text("worker: %s\nsecond", strings.ReplaceAll(text, "\n", " "))
		lines := strings.Split(out.String(), "\n")
		if len(lines) != 7 || lines[6] != "" {
			t.Fatalf("%q is printed as %q, want 6 lines", text, lines)
		}
		for n, want := range []string{"job " + shown + " is DEAD", "ID", shown + " ", `\xff`, "worker: ", "  second"} {
			if !strings.HasPrefix(lines[n], want) {
				t.Errorf("line %d of %q is %q, want it to begin with %q", n, text, lines[n], want)
			}
		}
	}
}

func TestNoLineOfAMessageLooksLikeAnother(t *testing.T) {
	var out strings.Builder
	operator.Printer{To: &out}.Text("worker: %s", "two mistakes:\nworker: all is well\n  indented\x1b[A")
	want := "worker: two mistakes:\n  worker: all is well\n  indented\\x1b[A\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestColumnsStandUnderEachOther(t *testing.T) {
	want := []string{"ID   STATE", "one  READY", "日本語  DONE"}
	if diff := cmp.Diff(want, operator.Columns([][]string{{"ID", "STATE"}, {"one", "READY"}, {"日本語", "DONE"}})); diff != "" {
		t.Error(diff)
	}
	if got := operator.Columns(nil); got != nil {
		t.Errorf("no rows are %q", got)
	}
}

func TestQuestionsAreOneLine(t *testing.T) {
	var asked strings.Builder
	p := operator.Person{In: strings.NewReader("y\n"), Answers: true, Out: &asked}
	if err := p.Agree("cancel \x1b[1A\nall?"); err != nil {
		t.Fatal(err)
	}
	if got := asked.String(); got != `cancel \x1b[1A all? [y/N] ` {
		t.Errorf("asked %q", got)
	}
}
