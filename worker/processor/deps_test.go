package processor_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestWhatAuthorsImport holds the package to the standard library: a processor's author gets neither the
// worker's command line nor the AWS SDK with it.
func TestWhatAuthorsImport(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	const itself = "github.com/worker-tier/worker-tier/worker/processor"
	for _, path := range strings.Fields(string(out)) {
		if path != itself {
			t.Errorf("it imports %s, directly or by another package", path)
		}
	}
}
