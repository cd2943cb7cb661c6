package userdata_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/bootstrap/userdata"
	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// props are those of a pool with everything set, and with values that shells, templates, JSON and the
// CDK could each trip over.
func props() userdata.Props {
	return userdata.Props{
		Role: "worker-mail",
		Chef: config.Chef{Distribution: "cinc", Version: "18", Package: &config.ChefPackage{
			URL: "https://packages.example.com/it's/cinc-18.rpm?a=1&b=2", SHA256: strings.Repeat("ab", 32),
		}},
		Boot:    config.Boot{Timeout: 10 * time.Minute, KeepFailed: 15 * time.Minute},
		RunList: []string{"recipe[imap::tools]"},
		Attributes: contract.Attributes{
			Bundle:    contract.Object{Bucket: "${Token[TOKEN.12]}", Key: "0123abcd.zip"},
			Files:     &contract.Object{Bucket: "${Token[TOKEN.12]}", Key: "4567.zip"},
			Cookbooks: &contract.Object{Bucket: "${Token[TOKEN.12]}", Key: "89ab.zip"},
			Environment: map[string]string{
				"AWS_REGION":       "${Token[AWS.Region.4]}",
				"WORKER_QUEUE_URL": "${Token[TOKEN.345]}",
				"QUERY":            `<a href="x">&$HOME ${HOME} $(id) 'one' \n {{.Role}}`,
				"TWO_LINES":        "first\n" + contract.FirstBootMarker + "\nlast",
			},
		},
	}
}

func TestFirstBootDocumentSurvives(t *testing.T) {
	p := props()
	got, err := contract.FirstBootFrom(userdata.Render(p))
	if err != nil {
		t.Fatal(err)
	}
	want := contract.FirstBoot{RunList: []string{"role[worker-mail]"}, WorkerTier: p.Attributes}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("first-boot document (-want +got):\n%s", diff)
	}
}

// A token that JSON or the shell's quoting changed is one that the CDK no longer finds.
func TestTokensStayWhole(t *testing.T) {
	script := userdata.Render(props())
	for token, times := range map[string]int{
		"${Token[TOKEN.12]}":     6, // bundle, files and cookbooks, each in a variable and in the document
		"${Token[TOKEN.345]}":    1,
		"${Token[AWS.Region.4]}": 2,
	} {
		if got := strings.Count(script, token); got != times {
			t.Errorf("%s stands %d times in the script, want %d", token, got, times)
		}
	}
}

func TestRoleFile(t *testing.T) {
	_, rest, _ := strings.Cut(userdata.Render(props()), "<<'WORKER_TIER_ROLE'\n")
	text, _, closed := strings.Cut(rest, "\nWORKER_TIER_ROLE\n")
	var role map[string]any
	if err := json.Unmarshal([]byte(text), &role); err != nil || !closed {
		t.Fatalf("role file %q: %v", text, err)
	}
	want := map[string]any{"name": "worker-mail", "chef_type": "role", "json_class": "Chef::Role", "run_list": []any{"recipe[imap::tools]", "recipe[worker]"}}
	if diff := cmp.Diff(want, role); diff != "" {
		t.Errorf("role file (-want +got):\n%s", diff)
	}
}

func TestOnlyTheUserAcceptsChefsLicence(t *testing.T) {
	for _, c := range []struct {
		chef    config.Chef
		command string
		accepts bool
	}{
		{config.Chef{Distribution: "cinc"}, "cinc-client", false},
		{config.Chef{Distribution: "cinc", AcceptLicense: true}, "cinc-client", false},
		{config.Chef{Distribution: "chef"}, "chef-client", false},
		{config.Chef{Distribution: "chef", AcceptLicense: true}, "chef-client", true},
	} {
		script := userdata.Render(userdata.Props{Role: "worker-docs", Chef: c.chef})
		if !strings.Contains(script, "\n  "+c.command+" --local-mode ") {
			t.Errorf("%+v: the script does not run %s", c.chef, c.command)
		}
		if got := strings.Contains(script, "license"); got != c.accepts {
			t.Errorf("%+v: licence accepted: %t, want %t", c.chef, got, c.accepts)
		}
	}
}

func TestScriptIsShell(t *testing.T) {
	bare := userdata.Props{Role: "worker-docs", Chef: config.Chef{Distribution: "chef"}}
	for name, p := range map[string]userdata.Props{"everything set": props(), "nothing set": bare} {
		t.Run(name, func(t *testing.T) {
			check := exec.Command("bash", "-n")
			check.Stdin = strings.NewReader(userdata.Render(p))
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("bash -n: %v\n%s", err, out)
			}
		})
	}
}

// EC2 refuses more than 16 KiB. What the script says itself must leave most of that to a content
// type's variables, whose tokens become ARNs and URLs.
func TestSize(t *testing.T) {
	p := props()
	for i := range 60 {
		p.Attributes.Environment[fmt.Sprintf("VARIABLE_%02d", i)] = strings.Repeat("x", 100)
	}
	if got := len(userdata.Render(p)); got > userdata.Limit-1024 {
		t.Errorf("with 60 variables of 100 bytes the script has %d bytes, too near the limit of %d", got, userdata.Limit)
	}
}
