package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFileThatIsNoConfig(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"empty":                   {"", "1:1: the file is empty (it needs name, chef, environments and contentTypes)"},
		"only comments":           {"# soon\n", "1:1: the file is empty (it needs name, chef, environments and contentTypes)"},
		"only a separator":        {"---\n", "1:1: the file is empty (it needs name, chef, environments and contentTypes)"},
		"a list":                  {"# tiers\n- a\n", "2:1: must be a mapping of keys to values, not a list"},
		"a text":                  {"worker-tier\n", `1:1: must be a mapping of keys to values, not the text "worker-tier"`},
		"a tab":                   {"chef:\n\tversion: 18\n", "2:1: is not YAML: found character that cannot start any token (while scanning for the next token that starts in line 2)"},
		"an open list":            {"name: [a\n", "2:1: is not YAML: did not find expected ',' or ']' (while parsing a flow sequence that starts in line 1)"},
		"an open list at the end": {"name: [a", "1:9: is not YAML: did not find expected ',' or ']' (while parsing a flow sequence that starts in line 1)"},
		"bad indentation":         {"chef:\n  a: 1\n b: 2\n", "3:2: is not YAML: did not find expected key (while parsing a block mapping that starts in line 1)"},
		"two documents":           {"name: a\n---\nname: b\n", "2:1: a second document starts here (the file must be one)"},
		"control character":       {"name: a\nchef: \x01\n", "2:7: holds the control character U+0001"},
		"not UTF-8":               {"name: \xfc\n", "1:7: is not UTF-8 text"},
		"UTF-16":                  {"\xff\xfen\x00", "1:1: is not UTF-8 text"},
		"unknown anchor":          {"name: *a\n", "1:7: is not YAML: unknown anchor 'a' referenced"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := load(t, test.text, "")
			if diff := cmp.Diff([]string{test.want}, problemLines(t, err)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir + "/none.yaml": dir + "/none.yaml:1:1: no such file (run this in the folder of worker-tier.yaml, or name the file: tier --config FILE, cdk -c config=FILE)",
		dir:                dir + ":1:1: cannot be read: is a directory",
	} {
		_, _, err := Load(path, "")
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestChoiceOfEnvironment(t *testing.T) {
	two := edited(t, []edit{{"contentTypes:", "  prod: {account: \"111122223333\", region: us-east-1, network: {mode: public}}\ncontentTypes:"}})
	for name, test := range map[string]struct {
		text, environment, chosen string
		want                      []string
	}{
		"the only one":       {minimal, "", "dev", nil},
		"the only one named": {minimal, "dev", "dev", nil},
		"one of two":         {two, "prod", "prod", nil},
		"several, none named": {two, "", "", []string{
			"3:1: environments: there are several and none is named (tier -e NAME or cdk -c env=NAME, one of dev, prod)"}},
		"misspelt": {two, "prdo", "", []string{
			`3:1: environments: there is no environment "prdo" (one of dev, prod; did you mean prod?)`}},
	} {
		t.Run(name, func(t *testing.T) {
			tier, _, err := load(t, test.text, test.environment)
			if diff := cmp.Diff(test.want, problemLines(t, err)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if tier != nil && tier.Environment.Name != test.chosen {
				t.Errorf("chose %s, want %s", tier.Environment.Name, test.chosen)
			}
		})
	}
}
