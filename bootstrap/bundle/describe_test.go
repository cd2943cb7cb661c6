package bundle_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// describer writes a module whose worker runs a statement.
func describer(t *testing.T, statement string) string {
	t.Helper()
	dir := project(t)
	write(t, filepath.Join(dir, "worker", "main.go"), "package main\n\nimport \"os\"\n\nfunc main() {\n\tif len(os.Args) != 2 || os.Args[1] != \"describe\" {\n\t\tpanic(os.Args)\n\t}\n\t"+statement+"\n}\n")
	return dir
}

func TestDescribe(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		want      contract.Description
		wrong     string
	}{
		"well":            {"os.Stdout.WriteString(`{\"processors\":[{\"name\":\"a\",\"version\":2,\"options\":{\"type\":\"object\"}}], \"newer\": 1}`)", contract.Description{Processors: []contract.ProcessorDescription{{Name: "a", Version: 2, Options: json.RawMessage(`{"type":"object"}`)}}}, ""},
		"another program": {"os.Stdout.WriteString(`worker 1.0`)", contract.Description{}, "it did not print JSON"},
		"an older worker": {"os.Stderr.WriteString(\"unexpected argument describe\\n\"); os.Exit(2)", contract.Description{}, "exit status 2: unexpected argument describe"},
		"a mistake":       {"nothing()", contract.Description{}, "build the worker ./worker for " + runtime.GOOS + "/" + runtime.GOARCH},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := bundle.Describe(t.Context(), describer(t, c.statement), tierspec.Worker{Package: "./worker"})
			if c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) || c.wrong == "" && err != nil {
				t.Errorf("error %v, want %q", err, c.wrong)
			}
			if diff := cmp.Diff(c.want, got); c.wrong == "" && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDescribeAReleasedBinary(t *testing.T) {
	dir := describer(t, "os.Stdout.WriteString(`{}`)")
	for _, arch := range []bundle.Architecture{bundle.ARM64, bundle.AMD64} {
		built := build(t, dir, arch)
		if err := os.Rename(filepath.Join(built, "bin", "worker"), filepath.Join(dir, string(arch))); err != nil {
			t.Fatal(err)
		}
		_, err := bundle.Describe(t.Context(), dir, tierspec.Worker{File: string(arch)})
		here := runtime.GOOS == "linux" && runtime.GOARCH == string(arch)
		if here && err != nil || !here && !errors.Is(err, bundle.ErrOtherMachine) {
			t.Errorf("%s: error %v", arch, err)
		}
	}
	write(t, filepath.Join(dir, "script"), "#!/bin/sh\n")
	if _, err := bundle.Describe(t.Context(), dir, tierspec.Worker{File: "script"}); err == nil || !strings.Contains(err.Error(), "is not a Linux program") {
		t.Errorf("a script: error %v", err)
	}
}
