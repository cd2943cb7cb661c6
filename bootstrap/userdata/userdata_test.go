package userdata_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/bootstrap/userdata"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// props are those of a pool with everything set, and with values that shells, templates, JSON and the
// CDK could each trip over.
func props() userdata.Props {
	return userdata.Props{
		Role: "worker-mail",
		Chef: tierspec.Chef{Distribution: "cinc", Version: "18", Package: &tierspec.ChefPackage{
			URL: "https://packages.example.com/it's/cinc-18.rpm?a=1&b=2", SHA256: strings.Repeat("ab", 32),
		}},
		Boot:      tierspec.Boot{Timeout: 10 * time.Minute, KeepFailed: 15 * time.Minute},
		RunList:   []string{"recipe[imap::tools]"},
		Bundle:    contract.Object{Bucket: "${Token[TOKEN.12]}", Key: "0123abcd.zip", SHA256: strings.Repeat("01", 32)},
		Files:     &contract.Object{Bucket: "${Token[TOKEN.12]}", Key: "4567.zip", SHA256: strings.Repeat("45", 32)},
		Cookbooks: &contract.Object{Bucket: "${Token[TOKEN.12]}", Key: "89ab.zip", SHA256: strings.Repeat("89", 32)},
		LogGroup:  "${Token[TOKEN.678]}",
		Environment: map[string]string{
			"AWS_REGION":       "${Token[AWS.Region.4]}",
			"WORKER_QUEUE_URL": "${Token[TOKEN.345]}",
			"QUERY":            `<a href="x">&$HOME ${HOME} $(id) 'one' \n {{.Role}}`,
			"TWO_LINES":        "first\n" + contract.FirstBootMarker + "\nlast",
		},
		Hardening: tierspec.Hardening{WritableCode: true},
	}
}

func TestFirstBootDocumentSurvives(t *testing.T) {
	p := props()
	p.Chef.Server = &tierspec.ChefServer{URL: "https://chef.example.com", Organization: "acme", ValidatorSecret: "chef/validator"}
	got, err := contract.FirstBootFrom(userdata.Render(p))
	if err != nil {
		t.Fatal(err)
	}
	want := contract.FirstBoot{RunList: []string{"role[worker-mail]"}, Schema: contract.BootSchema, WorkerTier: contract.Attributes{
		Bundle: contract.Object{Bucket: p.Bundle.Bucket, Key: p.Bundle.Key}, Files: p.Files, Cookbooks: p.Cookbooks,
		Chef: contract.Chef{
			Client:  "cinc-client",
			Package: &contract.ChefPackage{URL: p.Chef.Package.URL, SHA256: p.Chef.Package.SHA256},
			Server:  &contract.ChefServer{URL: "https://chef.example.com/organizations/acme", Validator: "acme-validator", ValidatorSecret: "chef/validator"},
		},
		RunList:     []string{"role[worker-base]", "recipe[imap::tools]", "recipe[worker]"},
		Environment: p.Environment,
		LogGroup:    p.LogGroup,
		Hardening:   contract.Hardening{WritableCode: true},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("first-boot document (-want +got):\n%s", diff)
	}
}

// A token that JSON or the shell's quoting changed is one that the CDK no longer finds.
func TestTokensStayWhole(t *testing.T) {
	script := userdata.Render(props())
	for token, times := range map[string]int{
		"${Token[TOKEN.12]}":     3, // bundle, files and cookbooks
		"${Token[TOKEN.345]}":    1,
		"${Token[TOKEN.678]}":    2, // the log group: for the script and for the agent
		"${Token[AWS.Region.4]}": 2,
	} {
		if got := strings.Count(script, token); got != times {
			t.Errorf("%s stands %d times in the script, want %d", token, got, times)
		}
	}
}

func TestOnlyTheUserAcceptsChefsLicence(t *testing.T) {
	for _, c := range []struct {
		chef    tierspec.Chef
		command string
		accepts bool
	}{
		{tierspec.Chef{Distribution: "cinc"}, "cinc-client", false},
		{tierspec.Chef{Distribution: "cinc", AcceptLicense: true}, "cinc-client", false},
		{tierspec.Chef{Distribution: "chef"}, "chef-client", false},
		{tierspec.Chef{Distribution: "chef", AcceptLicense: true}, "chef-client", true},
	} {
		document, err := contract.FirstBootFrom(userdata.Render(userdata.Props{Role: "worker-docs", Chef: c.chef, Bundle: contract.Object{Bucket: "b", Key: "k"}}))
		if err != nil {
			t.Fatal(err)
		}
		if got := document.WorkerTier.Chef; got.Client != c.command || got.AcceptLicense != c.accepts {
			t.Errorf("%+v: the instance is told %+v, want %s, licence accepted: %t", c.chef, got, c.command, c.accepts)
		}
	}
}

func TestScriptIsShell(t *testing.T) {
	bare := userdata.Props{Role: "worker-docs", Chef: tierspec.Chef{Distribution: "chef"}}
	for name, script := range map[string]string{
		"everything set": userdata.Render(props()), "nothing set": userdata.Render(bare), "bootstrap": string(userdata.Bootstrap), "chef-leave": string(userdata.ChefLeave),
	} {
		t.Run(name, func(t *testing.T) {
			check := exec.Command("bash", "-n")
			check.Stdin = strings.NewReader(script)
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
		p.Environment[fmt.Sprintf("VARIABLE_%02d", i)] = strings.Repeat("x", 100)
	}
	if got := len(userdata.Render(p)); got > userdata.Limit-1024 {
		t.Errorf("with 60 variables of 100 bytes the script has %d bytes, too near the limit of %d", got, userdata.Limit)
	}
}
