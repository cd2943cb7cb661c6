package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// An operator has the built program and the configuration: no checkout, no Go, no Node.
func TestBuiltProgramNeedsTheConfigurationAlone(t *testing.T) {
	d := deploy(t, "lab", "mail")
	program := filepath.Join(t.TempDir(), "tier")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Remove(filepath.Join(filepath.Dir(d.config), "worker")); err != nil {
		t.Fatal(err)
	}
	run := func(dir string, args ...string) (status int, out, said string) {
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		for _, v := range os.Environ() {
			if strings.HasPrefix(v, "AWS_") {
				cmd.Env = append(cmd.Env, v)
			}
		}
		cmd.Env = append(cmd.Env, "PATH=", "HOME="+t.TempDir())
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			if _, ended := errors.AsType[*exec.ExitError](err); !ended {
				t.Fatal(err)
			}
		}
		return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
	}
	for dir, args := range map[string][]string{
		filepath.Dir(d.config): {"orphans"},
		t.TempDir():            {"orphans", "--config", d.config},
	} {
		if status, out, said := run(dir, args...); status != 0 || !strings.HasPrefix(out, "no orphans: ") || said != "" {
			t.Errorf("tier %v: exit status %d, %q, %q", args, status, out, said)
		}
	}
	const missing = "tier: worker-tier.yaml:1:1: no such file (run this in the folder of worker-tier.yaml, or name the file: tier --config FILE, cdk -c config=FILE)\n"
	if status, _, said := run(t.TempDir(), "orphans"); status != 1 || said != missing {
		t.Errorf("without a configuration: exit status %d, %q", status, said)
	}
}
