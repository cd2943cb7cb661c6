// Package userdata renders the script that makes an instance of the common base image a worker: it
// fetches the tier's bundle, whose scripts hand over to Chef, which configures the role it is told.
package userdata

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"text/template"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/worker-tier/worker-tier/bootstrap/roles"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// Limit is the largest user-data that EC2 takes, in bytes before base64.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
const Limit = 16 << 10

// Props are what differs between the scripts of two content types. All values may be CDK tokens, but
// for those of Chef and Boot.
type Props struct {
	Role string // Chef role, for example "worker-mail"
	Chef tierspec.Chef
	Boot tierspec.Boot
	// RunList is what Chef runs before the recipe that starts the worker, for example "recipe[imap::tools]".
	RunList []string
	// Bundle, Files and Cookbooks are what the instance fetches; the last two may be nil.
	Bundle           contract.Object
	Files, Cookbooks *contract.Object
	// LogGroup is the name of the CloudWatch log group that gets the end of the journal of every boot, and what the agent ships.
	LogGroup string
	// Environment is that of the worker: WORKER_* (Settings.Environ), AWS_REGION and what the config adds. The script
	// itself takes the Region, the name of the launch hook and what its metric is known by from it.
	Environment map[string]string
	Hardening   tierspec.Hardening
	// LaunchTemplate is the value of contract.DimensionLaunchTemplate by which a failed boot is counted.
	LaunchTemplate string
}

// The scripts of the bundle: bin/bootstrap, which user-data runs once it has fetched it, and bin/chef-leave.
var (
	//go:embed bootstrap.sh
	Bootstrap []byte
	//go:embed chef-leave.sh
	ChefLeave []byte
)

//go:embed userdata.sh.tmpl
var source string

var script = template.Must(template.New("userdata.sh").Funcs(template.FuncMap{
	"quote": quote,
	"json":  document,
	// A part of a second counts as a whole one: to systemd, 0 is no limit.
	"seconds": func(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) },
}).Parse(margin.ReplaceAllString(source, "")))

// margin is what lines are indented by: for readers of the source, not for EC2, which takes little.
var margin = regexp.MustCompile(`(?m)^ +`)

// Render returns the user-data script. The same props give the same bytes. It holds no secrets and
// must hold none: whoever may describe the launch template reads it.
func Render(p Props) string {
	var out bytes.Buffer
	err := script.Execute(&out, struct {
		Props
		Marker, BundleVariable, Region, LaunchHook string
		OfTemplate                                 string
		Metric                                     metric
		FirstBoot                                  contract.FirstBoot
	}{
		Props:  p,
		Marker: contract.FirstBootMarker, BundleVariable: contract.BundleVariable,
		Region:     p.Environment["AWS_REGION"],
		LaunchHook: p.Environment[contract.EnvLaunchHook],
		Metric:     bootFailures(p.Environment),
		OfTemplate: contract.DimensionLaunchTemplate + "=" + p.LaunchTemplate,
		FirstBoot:  firstBoot(p),
	})
	if err != nil {
		panic(fmt.Sprintf("userdata: %v", err)) // the template is ours and takes any Props
	}
	return out.String()
}

// firstBoot is the document for Chef, for the bundle's scripts and for the worker.
func firstBoot(p Props) contract.FirstBoot {
	return contract.FirstBoot{
		RunList: []string{"role[" + p.Role + "]"},
		Schema:  contract.BootSchema,
		WorkerTier: contract.Attributes{
			Files: p.Files, Cookbooks: p.Cookbooks,
			Chef: chef(p.Chef), RunList: roles.RunList(p.RunList), Environment: p.Environment,
			LogGroup: p.LogGroup, Hardening: contract.Hardening(p.Hardening),
		},
	}
}

// chef is what the bundle's scripts are told of the Chef client.
func chef(c tierspec.Chef) contract.Chef {
	told := contract.Chef{Client: c.Client(), AcceptLicense: c.Distribution == "chef" && c.AcceptLicense}
	if c.Package != nil {
		told.Package = &contract.ChefPackage{URL: c.Package.URL, SHA256: c.Package.SHA256}
	}
	if c.Server != nil {
		told.Server = &contract.ChefServer{URL: c.Server.Address(), Validator: c.Server.Validator(), ValidatorSecret: c.Server.ValidatorSecret}
	}
	return told
}

// metric is a CloudWatch metric as the AWS CLI names it.
type metric struct{ Namespace, Name, Dimensions string }

// bootFailures counts the failed boots of the content type that an environment is for.
func bootFailures(environment map[string]string) metric {
	tier, name := environment[contract.EnvTier], environment[contract.EnvEnvironment]
	return metric{contract.MetricNamespace(tier, name), contract.MetricBootFailures, fmt.Sprintf("%s=%s,%s=%s",
		contract.DimensionContentType, environment[contract.EnvContentType],
		contract.DimensionEnvironment, contract.MetricEnvironment(tier, name))}
}

// document renders v as JSON with a value per line, which makes a readable cdk diff, and without indentation, which
// would cost an eighth of the script. Of ASCII only what JSON itself demands is escaped, or a CDK token would no longer be
// found in it. All else is escaped: cdk diff compares templates as CloudFormation returns them, with a question mark for each
// such character.
func document(v any) (string, error) {
	var compact, out bytes.Buffer
	enc := json.NewEncoder(&compact)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	err := json.Indent(&out, compact.Bytes(), "", "")
	return ascii(strings.TrimSuffix(key.ReplaceAllString(out.String(), "$1"), "\n")), err
}

// ascii is JSON text with every character outside ASCII escaped as JSON has it, in UTF-16.
// https://www.rfc-editor.org/rfc/rfc8259#section-7
func ascii(text string) string {
	var out strings.Builder
	for _, r := range text {
		if r < utf8.RuneSelf {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}

// key is what begins a line of indented JSON and has a value on it.
var key = regexp.MustCompile(`(?m)^("(?:[^"\\]|\\.)*":) `)

// quote makes one shell word of s.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
