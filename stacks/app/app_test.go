package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var binary string

// TestMain builds the program as cdk.json's command does.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "app")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		binary = filepath.Join(dir, "app")
		if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
			panic(fmt.Sprintf("%v\n%s", err, out))
		}
		return m.Run()
	}())
}

// start runs the program in the repository's root with a context and the environment of the test
// changed by environ; it returns the exit status and what stands on standard error.
func start(t *testing.T, context string, environ ...string) (int, string) {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), append([]string{"CDK_CONTEXT_JSON=" + context}, environ...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stderr.String()
}

// tattler is a folder with a program called node that leaves a file behind when it is started.
func tattler(t *testing.T) (path, trace string) {
	t.Helper()
	dir := t.TempDir()
	trace = filepath.Join(dir, "started")
	script := "#!/bin/sh\n: >'" + trace + "'\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "node"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir + string(os.PathListSeparator) + os.Getenv("PATH"), trace
}

func TestMistakesAreReportedBeforeNodeStarts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tier.yaml")
	text := "name: Tier\nchef: {distribution: puppet, version: \"18\"}\nenvironments: {dev: {account: \"1\", region: us-east-1}}\ncontentTypes: {mail: {processor: backup, capacity: {min: 3, max: 2}}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	path, trace := tattler(t)
	out := t.TempDir()
	status, stderr := start(t, fmt.Sprintf(`{"config": %q}`, file), "PATH="+path, "CDK_OUTDIR="+out)
	if status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	for _, position := range []string{":1:7: name: ", ":2:22: chef.distribution: ", ":3:31: environments.dev.account: ", ":4:58: contentTypes.mail.capacity.min: "} {
		if !strings.Contains(stderr, file+position) {
			t.Errorf("no line with %s in:\n%s", position, stderr)
		}
	}
	if _, err := os.Stat(trace); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("node was started: %v", err)
	}
	if written, err := os.ReadDir(out); err != nil || len(written) > 0 {
		t.Errorf("written: %v %v", written, err)
	}
}

func TestAGoodConfigurationStartsNode(t *testing.T) {
	path, trace := tattler(t)
	if status, _ := start(t, `{"env": "local"}`, "PATH="+path, "CDK_OUTDIR="+t.TempDir()); status == 0 {
		t.Error("exit status 0 with a node that fails")
	}
	if _, err := os.Stat(trace); err != nil {
		t.Errorf("a good configuration did not start node: %v", err)
	}
}

func TestWhatIsMissingIsOneSentence(t *testing.T) {
	for _, c := range []struct{ name, context, path, want string }{
		{"no node", `{"env": "local"}`, t.TempDir(), "no node on the PATH: the CDK needs Node.js, install a release that is still maintained (https://nodejs.org)\n"},
		{"a number as environment", `{"env": 7}`, "", "context env is 7: it must be a name, as in -c env=…\n"},
		{"not JSON", `{`, "", "read the context in CDK_CONTEXT_JSON: unexpected end of JSON input\n"},
	} {
		path := c.path
		if path == "" {
			path = os.Getenv("PATH")
		}
		if status, stderr := start(t, c.context, "PATH="+path); status != 1 || stderr != c.want {
			t.Errorf("%s: exit status %d\n got %q\nwant %q", c.name, status, stderr, c.want)
		}
	}
}

func TestContextThatDoesNotFitTheEnvironmentIsRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "context.json")
	if err := os.WriteFile(file, []byte(`{"env": "prod"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := map[string]string{"CDK_CONTEXT_JSON": `{"config": "other.yaml"}`, "CONTEXT_OVERFLOW_LOCATION_ENV": file}
	chosen, err := choose(func(name string) string { return environ[name] })
	if want := (choice{Environment: "prod", Config: "other.yaml"}); err != nil || chosen != want {
		t.Errorf("got %+v, %v; want %+v", chosen, err, want)
	}
}

// The project's own file, with the real bundle, as cdk synth does it: the library's check of the
// templates must find nothing.
func TestSynth(t *testing.T) {
	out := t.TempDir()
	status, stderr := start(t, `{"env": "local"}`, "CDK_OUTDIR="+out, "CDK_VALIDATION=true")
	if status != 0 {
		t.Fatalf("exit status %d\n%s", status, stderr)
	}
	text, err := os.ReadFile(filepath.Join(out, "validation-report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		PluginReports []struct {
			PluginName, Conclusion string
			Violations             []any
		}
	}
	if err := json.Unmarshal(text, &report); err != nil || len(report.PluginReports) == 0 {
		t.Fatalf("%d reports: %v", len(report.PluginReports), err)
	}
	for _, r := range report.PluginReports {
		if r.Conclusion != "success" || len(r.Violations) > 0 {
			t.Errorf("%s: %s, %v", r.PluginName, r.Conclusion, r.Violations)
		}
	}
	archives, err := filepath.Glob(filepath.Join(out, "asset.*.zip"))
	if err != nil {
		t.Fatal(err)
	}
	workers := 0
	for _, path := range archives {
		archive, err := zip.OpenReader(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fs.Stat(archive, "bin/worker"); err == nil {
			workers++
		}
		_ = archive.Close()
	}
	if workers != 1 {
		t.Errorf("%d assets hold a worker, want 1 for all content types", workers)
	}
}
