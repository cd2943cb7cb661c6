package image

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/worker-tier/worker-tier/tierspec"
)

func chef() tierspec.Chef {
	return tierspec.Chef{
		Distribution: "cinc", Version: "18",
		Package: &tierspec.ChefPackage{URL: "https://downloads.example/cinc-18.rpm", SHA256: strings.Repeat("0a", 32)},
	}
}

// What an image holds is the list's to say: every package is installed, and every command and service looked for, both
// before the image is made and on an instance that was started from it.
func TestDocumentFollowsTheList(t *testing.T) {
	text := Define(tierspec.ARM64, chef()).Document
	scripts := scriptsOf(t, text)
	if len(scripts) != 3 || scripts["validate"] != scripts["test"] {
		t.Fatalf("phases %v", scripts)
	}
	for _, c := range Contents().Contents {
		for _, pkg := range c.Amazon {
			if !listed(scripts["build"], "packages", pkg) {
				t.Errorf("%s: the package %s is not installed", c.What, pkg)
			}
			if c.Command == "" && !listed(scripts["test"], "services", pkg) {
				t.Errorf("%s: the service %s is not looked for", c.What, pkg)
			}
		}
		if c.Command != "" && !listed(scripts["test"], "commands", c.Command) {
			t.Errorf("%s: the command %s is not looked for", c.What, c.Command)
		}
	}
	// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-imagebuilder-component.html
	if len(text) > 16000 {
		t.Errorf("the document has %d characters, CloudFormation takes 16,000: it would have to be an asset", len(text))
	}
	if strings.Contains(text, "{{") {
		t.Error("Image Builder would take {{ for a reference")
	}
}

// scriptsOf are the scripts of a document, by phase.
func scriptsOf(t *testing.T, text string) map[string]string {
	t.Helper()
	var d struct {
		Name          string `yaml:"name"`
		SchemaVersion string `yaml:"schemaVersion"`
		Phases        []struct {
			Name  string `yaml:"name"`
			Steps []struct {
				Name    string `yaml:"name"`
				Action  string `yaml:"action"`
				Timeout int    `yaml:"timeoutSeconds"`
				Inputs  struct {
					Commands []string `yaml:"commands"`
				} `yaml:"inputs"`
			} `yaml:"steps"`
		} `yaml:"phases"`
	}
	dec := yaml.NewDecoder(strings.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&d); err != nil {
		t.Fatal(err)
	}
	if d.Name == "" || d.SchemaVersion != "1.0" {
		t.Errorf("document %q of schema version %q", d.Name, d.SchemaVersion)
	}
	scripts := map[string]string{}
	for _, p := range d.Phases {
		for _, s := range p.Steps {
			if s.Name == "" || s.Action != "ExecuteBash" || s.Timeout < 60 || len(s.Inputs.Commands) != 1 {
				t.Errorf("phase %s: step %+v", p.Name, s)
			}
			scripts[p.Name] = s.Inputs.Commands[0]
		}
	}
	return scripts
}

// The document holds the scripts as they are, whatever the URL of the client's package brings into them.
func TestDocumentKeepsTheScripts(t *testing.T) {
	for _, path := range []string{"cinc.rpm", "it's \"this\": {a: b} # c", "two\n\n lines\n", "\t\r\n\x00\x7f", "\u0085\u2028\ufeff", "\U0001f600 \\ \x1b"} {
		c := chef()
		c.Package.URL = "https://downloads.example/" + path
		got := scriptsOf(t, Define(tierspec.ARM64, c).Document)
		want := map[string]string{"build": Install(c), "validate": Check(Amazon, c), "test": Check(Amazon, c)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-scripts +document):\n%s", path, diff)
		}
	}
}

// Values reach a script as they are, whatever they hold.
func TestValuesAreQuoted(t *testing.T) {
	for _, value := range []string{"it's", "$HOME `id` \\ \"", "a\nb", ""} {
		out, err := exec.Command("bash", "-c", script(`printf %s "$it"`, [][2]string{{"it", value}})).Output()
		if err != nil || string(out) != value {
			t.Errorf("%q arrived as %q: %v", value, out, err)
		}
	}
}

// listed is true for a word of a variable that is put before a script.
func listed(script, variable, word string) bool {
	line := regexp.MustCompile(`(?m)^` + variable + `='(.*)'$`).FindStringSubmatch(script)
	return line != nil && strings.Contains(" "+line[1]+" ", " "+word+" ")
}

// A definition that differs has another version, for Image Builder takes none twice; the same one has the same everywhere.
func TestVersionsFollowContent(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*tierspec.Architecture, *tierspec.Chef){
		"as it is":      func(*tierspec.Architecture, *tierspec.Chef) {},
		"other URL":     func(_ *tierspec.Architecture, c *tierspec.Chef) { c.Package.URL += "?" },
		"other digest":  func(_ *tierspec.Architecture, c *tierspec.Chef) { c.Package.SHA256 = strings.Repeat("0b", 32) },
		"other version": func(_ *tierspec.Architecture, c *tierspec.Chef) { c.Version = "18.5" },
		"other client":  func(_ *tierspec.Architecture, c *tierspec.Chef) { c.Distribution = "chef" },
		"other parent":  func(a *tierspec.Architecture, _ *tierspec.Chef) { *a = tierspec.X8664 },
	} {
		architecture, c := tierspec.ARM64, chef()
		change(&architecture, &c)
		d := Define(architecture, c)
		if again := Define(architecture, c); again != d {
			t.Errorf("%s: %+v, and once more %+v", name, d, again)
		}
		if other := seen[d.Version]; other != "" {
			t.Errorf("%s and %s have the version %s", name, other, d.Version)
		}
		seen[d.Version] = name
	}
	if arm, x86 := Define(tierspec.ARM64, chef()), Define(tierspec.X8664, chef()); arm.Component != x86.Component {
		t.Errorf("the component differs by architecture: %s and %s", arm.Component, x86.Component)
	}
}

func TestVersionsAreOfTheFormThatImageBuilderTakes(t *testing.T) {
	for i := range 1000 {
		v := version(fmt.Append(nil, i))
		parts := strings.Split(v, ".")
		if len(parts) != 3 {
			t.Fatal(v)
		}
		for _, p := range parts {
			if n, err := strconv.Atoi(p); err != nil || n < 0 || n > 1<<30-1 || strconv.Itoa(n) != p {
				t.Errorf("%s: %s is no number of a version", v, p)
			}
		}
	}
}
