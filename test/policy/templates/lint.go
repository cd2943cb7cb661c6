package templates

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// lint runs cfn-lint on all templates.
func (r *Report) lint(ctx context.Context, root string, paths []string) error {
	linter := exec.CommandContext(ctx, filepath.Join(root, ".venv", "bin", "cfn-lint"), append([]string{"--format", "json", "--"}, paths...)...)
	var matches []struct {
		Rule     struct{ ID string }
		Message  string
		Filename string
		Location struct{ Path []any }
	}
	if err := answerOf(linter, &matches); err != nil {
		return err
	}
	found := make([]finding, len(matches))
	for i, m := range matches {
		found[i] = finding{m.Rule.ID, fmt.Sprintf("%s %v", filepath.Base(m.Filename), m.Location.Path), m.Message}
	}
	r.LintFindings = r.judge("cfn-lint", found, acceptedByCfnLint)
	return nil
}

// answerOf runs a tool that prints JSON. Its exit code may be one of findings: what was not printed whole is an error.
func answerOf(tool *exec.Cmd, answer any) error {
	if _, err := os.Stat(tool.Path); err != nil {
		return fmt.Errorf("%s is not there: run make policy", tool.Path)
	}
	var stderr bytes.Buffer
	tool.Stderr = &stderr
	out, err := tool.Output()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		return err
	}
	if jsonErr := json.Unmarshal(out, answer); jsonErr != nil {
		return fmt.Errorf("%s: %w: %w\n%s", filepath.Base(tool.Path), errors.Join(err), jsonErr, stderr.Bytes())
	}
	return nil
}
