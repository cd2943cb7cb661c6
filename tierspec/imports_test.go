package tierspec_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/worker-tier/worker-tier/"

// links are the imports of an unwanted package by which the packages of a pattern reach it, as "importer imports package".
func links(t *testing.T, unwanted func(path string) bool, patterns ...string) []string {
	t.Helper()
	list := exec.Command("go", append([]string{"list", "-deps", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`}, patterns...)...)
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", patterns, err)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		paths := strings.Fields(line)
		for _, path := range paths[1:] {
			if unwanted(path) && !unwanted(paths[0]) {
				found = append(found, fmt.Sprintf("%s imports %s", paths[0], path))
			}
		}
	}
	return found
}

// file is true for what reads worker-tier.yaml: the stacks, a YAML library, and the library that guesses what was misspelt.
func file(path string) bool {
	return strings.HasPrefix(path, module+"stacks") || strings.Contains(path, "yaml") || strings.Contains(path, "levenshtein")
}

// construct is true for the CDK.
func construct(path string) bool {
	return strings.Contains(path, "aws-cdk-go") || strings.Contains(path, "jsii")
}

// look reads the folders of all packages. go test repeats a result from its cache until something changes that the test
// itself has read, and what go list reads does not count.
func look(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"bootstrap", "constructs", "stacks", "tierspec", "worker"} {
		if err := fs.WalkDir(os.DirFS(".."), dir, func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
			t.Fatal(err)
		}
	}
}

// A program that uses one construct gets no reader of files with it, and the model stands under both sides.
func TestImportsRunOneWay(t *testing.T) {
	look(t)
	for _, link := range links(t, file, "./constructs/...", "./bootstrap/...", "./tierspec") {
		t.Errorf("%s: what constructs and bootstrap read of the configuration belongs into tierspec", link)
	}
	for _, link := range links(t, construct, "./tierspec", "./bootstrap/...", "./stacks/config") {
		t.Errorf("%s: whoever reads or checks a configuration needs no CDK", link)
	}
	// Both questions find what is there.
	for name, unwanted := range map[string]func(string) bool{"a reader of files": file, "the CDK": construct} {
		if len(links(t, unwanted, "./examples/owntier")) == 0 {
			t.Errorf("examples/owntier reaches %s, and it was not found", name)
		}
	}
}
