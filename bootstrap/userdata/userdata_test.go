package userdata_test

import (
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

// CloudFormation returns a question mark for each character outside ASCII, so cdk diff would not show that one changed. The
// instance must read the same value.
func TestScriptIsASCII(t *testing.T) {
	p := props()
	for name, value := range map[string]string{"GREETING": "grüße", "SIGNS": "日本 \u2028 \x7f 🙂 é", "ESCAPE": `\u00fc`} {
		p.Environment[name] = value
	}
	script := userdata.Render(p)
	for i, c := range []byte(script) {
		if c >= 0x80 {
			t.Fatalf("byte %d is %#x: %q", i, c, script[max(0, i-30):i+1])
		}
	}
	got, err := contract.FirstBootFrom(script)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.Environment, got.WorkerTier.Environment); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	_, document, _ := strings.Cut(script, "<<'"+contract.FirstBootMarker+"'\n")
	document, _, _ = strings.Cut(document, "\n"+contract.FirstBootMarker+"\n")
	read := exec.Command("python3", "-c", `import json, sys; sys.stdout.buffer.write(json.load(sys.stdin)["worker_tier"]["environment"]["SIGNS"].encode())`)
	read.Stdin = strings.NewReader(document)
	if out, err := read.Output(); err != nil || string(out) != p.Environment["SIGNS"] {
		t.Errorf("the bundle's scripts read %q, %v", out, err)
	}
}

// Of the 16 KiB that EC2 takes the script leaves ten to the variables of a content type, whatever its names become.
func TestScriptLeavesRoom(t *testing.T) {
	p := props()
	pool := userdata.Pool{
		Tier: strings.Repeat("t", 31), Environment: strings.Repeat("e", 31), Chef: p.Chef,
		ContentType: tierspec.NewContentType(strings.Repeat("c", 31), "exec"),
	}
	pool.ContentType.Files, pool.ContentType.Cookbooks = "files", "cookbooks"
	if got := pool.Longest(); got > 6<<10 {
		t.Errorf("without variables the script may have %d bytes", got)
	}
	before := pool.Longest()
	pool.ContentType.Variables = map[string]string{"NAME": strings.Repeat("x", 100)}
	if got, want := pool.Longest()-before, len("\"NAME\":\"\",\n")+100; got != want {
		t.Errorf("a variable of 100 bytes adds %d, want %d", got, want)
	}
}
