package image

import (
	"regexp"
	"strings"
	"testing"
)

// What user-data calls must be in every image.
func TestListHoldsWhatUserDataCalls(t *testing.T) {
	list := Contents()
	held := map[string]bool{}
	for _, c := range list.Contents {
		held[c.Command] = true
		if c.What == "" || len(c.Debian)+len(c.Amazon) == 0 {
			t.Errorf("%+v: without a name or a package", c)
		}
	}
	for _, command := range []string{"bash", "sha256sum", "python3", "curl", "aws", "systemctl"} {
		if !held[command] {
			t.Errorf("no entry for the command %s", command)
		}
	}
	if list.Chef == "" {
		t.Error("no version of Chef")
	}
}

// Every line of the list is a gem with its digest, and Chef's is among them.
func TestGemSums(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(GemSums(), "\n"), "\n")
	form, chef := regexp.MustCompile(`^[0-9a-f]{64}  [A-Za-z0-9_.-]+-[0-9][A-Za-z0-9.]*\.gem$`), 0
	for _, line := range lines {
		if !form.MatchString(line) {
			t.Errorf("%q is no sum of a gem", line)
		}
		if strings.Contains(line, "  chef-"+Contents().Chef+".") {
			chef++
		}
	}
	if chef != 1 || len(lines) != strings.Count(gems, "\n")-strings.Count(gems, "#") {
		t.Errorf("%d sums, of these %d of the client of major version %s", len(lines), chef, Contents().Chef)
	}
}
