// Package synthtest synthesizes constructs in tests and finds resources in what comes out.
package synthtest

import (
	"encoding/json"
	"os"
	"syscall"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
)

// environ is what the tests' Node process is to find in its environment. The library's own check of
// templates takes four seconds in each synth; the tests of the app have it on.
var environ = map[string]string{
	"CDK_VALIDATION": "false",
	"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
}

// Main runs a package's tests with one Node process of the CDK, which ends with them. jsii fixes that
// process's environment before main begins, so that changing it takes a second start of the tests.
func Main(m *testing.M) {
	again := false
	for name, value := range environ {
		again = again || os.Getenv(name) != value
		_ = os.Setenv(name, value)
	}
	if self, err := os.Executable(); again && err == nil {
		_ = syscall.Exec(self, os.Args, os.Environ()) // returns only if it fails; then the tests are slower
	}
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// Resource is one resource of a template.
type Resource struct {
	ID                  string `json:"-"`
	Type                string
	Properties          map[string]any
	UpdatePolicy        map[string]any
	DeletionPolicy      string
	UpdateReplacePolicy string
}

// Template is a synthesized template, resources by logical ID.
type Template map[string]Resource

// Synth renders the template of a stack in account 111122223333, us-east-1, that define fills.
func Synth(t *testing.T, define func(awscdk.Stack)) Template {
	t.Helper()
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: new(t.TempDir()), AnalyticsReporting: new(false)})
	stack := awscdk.NewStack(app, new("test"), &awscdk.StackProps{
		Env: &awscdk.Environment{Account: new("111122223333"), Region: new("us-east-1")},
	})
	define(stack)
	text, err := json.Marshal(assertions.Template_FromStack(stack, nil).ToJSON())
	if err != nil {
		t.Fatal(err)
	}
	return Parse(t, text)
}

// Parse reads the resources of a template.
func Parse(t *testing.T, text []byte) Template {
	t.Helper()
	var document struct{ Resources Template }
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	for id, r := range document.Resources {
		r.ID = id
		document.Resources[id] = r
	}
	return document.Resources
}

// Of are the resources of one type, for example "AWS::SQS::Queue".
func (template Template) Of(kind string) []Resource {
	var found []Resource
	for _, r := range template {
		if r.Type == kind {
			found = append(found, r)
		}
	}
	return found
}

// One is the only resource of a type; none or several end the test.
func (template Template) One(t *testing.T, kind string) Resource {
	t.Helper()
	found := template.Of(kind)
	if len(found) != 1 {
		t.Fatalf("%d resources of type %s, want 1", len(found), kind)
	}
	return found[0]
}

// At follows keys (string) and indexes (int) into a resource's properties; what is not there is nil.
func (r Resource) At(path ...any) any {
	var value any = r.Properties
	for _, step := range path {
		switch container := value.(type) {
		case map[string]any:
			key, _ := step.(string)
			value = container[key]
		case []any:
			if i, _ := step.(int); i < len(container) {
				value = container[i]
				continue
			}
			return nil
		default:
			return nil
		}
	}
	return value
}
