// Package userdata renders the script that makes an instance of the common base image a worker: it
// fetches the tier's bundle and hands over to Chef, which configures the role it is told.
package userdata

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// Limit is the largest user-data that EC2 takes, in bytes before base64.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
const Limit = 16 << 10

// Props are what differs between the scripts of two content types. All values may be CDK tokens, but
// for those of Chef.
type Props struct {
	Role string // Chef role, for example "worker-mail"
	Chef config.Chef
	Boot config.Boot
	// RunList is what Chef runs before the recipe that starts the worker, for example "recipe[imap::tools]".
	RunList []string
	// Attributes are the instance's Chef attributes; the script itself reads the S3 objects from them, and
	// from Environment AWS_REGION (without it: the instance's own Region), the name of the launch hook and
	// what its metric is known by.
	Attributes contract.Attributes
}

//go:embed bootstrap.sh.tmpl
var source string

var script = template.Must(template.New("bootstrap.sh").Funcs(template.FuncMap{
	"quote": quote,
	"json":  document,
	"s3":    func(o contract.Object) string { return "s3://" + o.Bucket + "/" + o.Key },
	// A part of a second counts as a whole one: to the command timeout, 0 is no limit.
	"seconds": func(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) },
}).Parse(source))

// Render returns the user-data script. The same props give the same bytes. It holds no secrets and
// must hold none: whoever may describe the launch template reads it.
func Render(p Props) string {
	var out bytes.Buffer
	environment := p.Attributes.Environment
	err := script.Execute(&out, struct {
		Props
		Marker, Region, LaunchHook, Client string
		Metric                             metric
		Package                            *download
		FirstBoot                          contract.FirstBoot
		RoleDocument                       role
	}{
		Props:        p,
		Marker:       contract.FirstBootMarker,
		Region:       environment["AWS_REGION"],
		LaunchHook:   environment[contract.EnvLaunchHook],
		Metric:       bootFailures(environment),
		Client:       client(p.Chef.Distribution),
		Package:      packageOf(p.Chef),
		FirstBoot:    contract.FirstBoot{RunList: []string{"role[" + p.Role + "]"}, WorkerTier: p.Attributes},
		RoleDocument: role{Name: p.Role, Type: "role", Class: "Chef::Role", RunList: append(slices.Clone(p.RunList), "recipe[worker]")},
	})
	if err != nil {
		panic(fmt.Sprintf("userdata: %v", err)) // the template is ours and takes any Props
	}
	return out.String()
}

// role is Chef's own file format of a role.
// https://docs.chef.io/roles/#json
type role struct {
	Name    string   `json:"name"`
	Type    string   `json:"chef_type"`
	Class   string   `json:"json_class"`
	RunList []string `json:"run_list"`
}

// metric is a CloudWatch metric as the AWS CLI names it.
type metric struct{ Namespace, Name, Dimensions string }

// bootFailures counts the failed boots of the content type that an environment is for.
func bootFailures(environment map[string]string) metric {
	return metric{contract.MetricNamespace, contract.MetricBootFailures, fmt.Sprintf("%s=%s,%s=%s",
		contract.DimensionContentType, environment[contract.EnvContentType],
		contract.DimensionEnvironment, contract.MetricEnvironment(environment[contract.EnvTier], environment[contract.EnvEnvironment]))}
}

// client is the command of a distribution's Chef client.
func client(distribution string) string {
	if distribution == "cinc" {
		return "cinc-client"
	}
	return "chef-client"
}

// download is a package of a Chef client.
type download struct {
	config.ChefPackage
	Name    string // file name; dnf and apt tell a file from a package's name by its ending
	Install string // command, to be followed by the file
}

// packageOf returns the package that the config names, or nil.
func packageOf(c config.Chef) *download {
	if c.Package == nil {
		return nil
	}
	if u, err := url.Parse(c.Package.URL); err == nil && path.Ext(u.Path) == ".deb" {
		return &download{*c.Package, "chef.deb", "apt-get install --yes"}
	}
	return &download{*c.Package, "chef.rpm", "dnf install --assumeyes"}
}

// document renders v as indented JSON: a value per line makes a readable cdk diff. Nothing but what
// JSON itself demands is escaped, or a CDK token would no longer be found in it.
func document(v any) (string, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return strings.TrimSuffix(out.String(), "\n"), err
}

// quote makes one shell word of s.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
