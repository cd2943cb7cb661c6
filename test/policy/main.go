// Command policy checks what the tier may do and what may be done to it: all templates of all environments
// against cdk-nag, cfn-lint, checkov, parliament and own rules, and the worker's whole life under its deployed role.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/jsii-runtime-go"

	"github.com/worker-tier/worker-tier/test/policy/life"
	"github.com/worker-tier/worker-tier/test/policy/templates"
	"github.com/worker-tier/worker-tier/test/stage"
)

// limit bounds the whole run; it takes about three minutes where the machine has nothing else to do.
const limit = time.Hour

// errFailed says that something failed which has been printed.
var errFailed = errors.New("failed")

func main() { stage.Main("policy", errFailed, run) }

func run(ctx context.Context, _ []string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer jsii.Close()
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	dir := filepath.Join(root, ".build", "policy")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	fmt.Printf("policy: everything it writes is in %s\n", dir)
	report, err := templates.Check(ctx, root, filepath.Join(dir, "templates"))
	failed := err != nil
	if err != nil {
		fmt.Println("FAIL the templates could not be checked:", err)
	}
	for _, findings := range [][]string{report.LintFindings, report.NagFindings, report.CheckovFindings, report.ParliamentFindings, report.RuleFindings} {
		for _, f := range findings {
			failed = true
			fmt.Println("FAIL", f)
		}
	}
	err = life.Run(ctx, life.Options{Root: root, Dir: filepath.Join(dir, "life"), Grants: report.Grants, Say: func(format string, args ...any) {
		fmt.Printf("     "+format+"\n", args...)
	}})
	if err != nil {
		failed = true
		fmt.Printf("FAIL the worker's life under its deployed role:\n%v\n", err)
	}
	fmt.Printf("policy: templates=%d policies=%d cfn_lint_errors=%d nag_findings=%d checkov_findings=%d parliament_findings=%d rule_findings=%d accepted=%d\n",
		report.Templates, report.Policies, len(report.LintFindings), len(report.NagFindings), len(report.CheckovFindings), len(report.ParliamentFindings), len(report.RuleFindings), report.Accepted)
	if failed {
		return errFailed
	}
	return nil
}
