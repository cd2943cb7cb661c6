package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/bootstrap/userdata"
)

// variables are n environment variables of about a hundred bytes each, as a flow mapping.
func variables(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("VARIABLE_%03d: %s", i, strings.Repeat("x", 100)))
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// The longest names count, so that a file that is accepted deploys.
func TestUserDataFitsWithTheLongestNames(t *testing.T) {
	most := 0
	for most < 200 {
		if _, _, err := load(t, edited(t, []edit{{docs, docs + ", environment: " + variables(most+1)}}), ""); err != nil {
			break
		}
		most++
	}
	tier, _, err := load(t, edited(t, []edit{{docs, docs + ", environment: " + variables(most)}}), "")
	if err != nil {
		t.Fatal(err)
	}
	if size := userDataOf(tier, tier.ContentTypes[0]).Longest(); size > userdata.Limit || size < userdata.Limit-200 || most < 80 {
		t.Errorf("%d variables fit, with %d bytes of %d", most, size, userdata.Limit)
	}
}

func TestUserDataThatIsTooLong(t *testing.T) {
	for name, c := range map[string]struct {
		edits []edit
		want  string
	}{
		"its variables": {[]edit{{docs, docs + ", ^environment: " + variables(110)}}, "contentTypes.docs.environment"},
		"those of one environment": {
			[]edit{{docs, docs + ", environment: " + variables(60)}, {env, env + ", contentTypes: {docs: {^environment: {LONG: " + strings.Repeat("x", 9000) + "}}}"}},
			"environments.dev.contentTypes.docs.environment",
		},
		"its command": {[]edit{{docs, "docs: {processor: exec, command: ^[run, " + strings.Repeat("x", 16000) + "]"}}, "contentTypes.docs.command"},
	} {
		t.Run(name, func(t *testing.T) {
			text, want := marked(edited(t, c.edits), []string{c.want})
			_, _, err := load(t, text, "")
			var got []string
			for _, line := range problemLines(t, err) {
				place, what, _ := strings.Cut(line, ": the user-data of docs in dev may have ")
				if !strings.HasSuffix(what, " bytes, EC2 takes 16384 (shorten options, environment and command, or move them into files)") {
					t.Errorf("the message is %q", line)
				}
				got = append(got, place)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
