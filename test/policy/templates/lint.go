package templates

import (
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
	linter := filepath.Join(root, ".venv", "bin", "cfn-lint")
	if _, err := os.Stat(linter); err != nil {
		return fmt.Errorf("%s is not there: run make tools", linter)
	}
	args := []string{
		"--format", "json",
		// The zones are named in the configuration so that a diff shows them.
		"--ignore-checks", "W3010",
		"--",
	}
	out, err := exec.CommandContext(ctx, linter, append(args, paths...)...).Output()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		return err
	}
	var matches []struct {
		Rule     struct{ ID string }
		Message  string
		Filename string
		Location struct{ Path []any }
	}
	if jsonErr := json.Unmarshal(out, &matches); jsonErr != nil {
		return fmt.Errorf("cfn-lint: %w: %w", err, jsonErr)
	}
	if err != nil && len(matches) == 0 {
		return fmt.Errorf("cfn-lint: %w", err)
	}
	for _, m := range matches {
		r.LintErrors = append(r.LintErrors, fmt.Sprintf("%s %s %v: %s", filepath.Base(m.Filename), m.Rule.ID, m.Location.Path, m.Message))
	}
	return nil
}
