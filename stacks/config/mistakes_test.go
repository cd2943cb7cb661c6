package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The file holds some forty different mistakes; the expected output is what a user sees, all of it.
func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	text, want := testdata(t, "mistakes.yaml"), testdata(t, "mistakes.txt")
	expected, err := filepath.Abs("testdata/mistakes.txt")
	if err != nil {
		t.Fatal(err)
	}
	tier, _, err := load(t, text, "dev")
	if tier != nil || err == nil {
		t.Fatalf("loaded: %+v", tier)
	}
	got := err.Error() + "\n"
	if *update {
		want = got
		if err := os.WriteFile(expected, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if n := len(problemLines(t, err)); n < 30 {
		t.Errorf("%d problems: too few, the file holds more", n)
	}
}

// edit replaces the first old with new in the minimal file; every test says what it changes.
type edit struct{ old, new string }

func edited(t testing.TB, edits []edit) string {
	t.Helper()
	text := minimal
	for _, e := range edits {
		if !strings.Contains(text, e.old) {
			t.Fatalf("the file holds no %q:\n%s", e.old, text)
		}
		text = strings.Replace(text, e.old, e.new, 1)
	}
	return text
}

// marked takes the ^ out of text and puts its position before the first line of want.
func marked(text string, want []string) (string, []string) {
	before, after, found := strings.Cut(text, "^")
	if !found || len(want) == 0 {
		return before + after, want
	}
	line, column := 1+strings.Count(before, "\n"), len(before)-strings.LastIndex(before, "\n")
	return before + after, append([]string{fmt.Sprintf("%d:%d: %s", line, column, want[0])}, want[1:]...)
}

// Shorthands for the places of the minimal file that tests change.
const (
	top  = "environments:\n"          // before it: more top-level keys
	env  = "disposable: true"         // in the only environment
	docs = "docs: {processor: backup" // in the only content type
)

func TestMistakes(t *testing.T) { testMistakes(t, mistakes) }

func TestDeploymentMistakes(t *testing.T) { testMistakes(t, deploymentMistakes) }

func testMistakes(t *testing.T, table map[string]mistake) {
	for name, test := range table {
		t.Run(name, func(t *testing.T) {
			text, want := marked(edited(t, test.edits), test.want)
			_, _, err := load(t, text, "")
			if diff := cmp.Diff(want, problemLines(t, err)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	for name, test := range warnings {
		t.Run(name, func(t *testing.T) {
			_, got, err := load(t, edited(t, test.edits), "")
			if err != nil {
				t.Fatal(err)
			}
			got = slices.DeleteFunc(got, func(w Warning) bool { return w.Path == "chef.package" })
			if diff := cmp.Diff(test.want, lines(got)); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}
