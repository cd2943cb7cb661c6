package templates

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// checkov runs checkov on all templates below a folder. It gets none of the caller's settings and asks nobody: neither
// for rules and severities, which come from the vendor's platform, nor PyPI for a newer version of itself.
func (r *Report) checkov(ctx context.Context, root, dir string, paths []string) error {
	tool := exec.CommandContext(ctx, filepath.Join(root, ".tools", "policy", "bin", "checkov"),
		"--framework", "cloudformation", "--skip-download", "--output", "json", "--directory", ".")
	tool.Dir = dir
	tool.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "CKV_SKIP_PACKAGE_UPDATE_CHECK=true"}
	type check struct {
		ID       string `json:"check_id"`
		Name     string `json:"check_name"`
		File     string `json:"file_path"`
		Resource string `json:"resource"`
	}
	var report struct {
		Results struct {
			Passed   []check  `json:"passed_checks"`
			Failed   []check  `json:"failed_checks"`
			Unparsed []string `json:"parsing_errors"`
		}
	}
	if err := answerOf(tool, &report); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, c := range report.Results.Passed {
		seen[c.File] = true
	}
	var found []finding
	for _, c := range report.Results.Failed {
		seen[c.File] = true
		found = append(found, finding{c.ID, filepath.Base(c.File) + " " + c.Resource, c.Name})
	}
	if len(seen) != len(paths) || len(report.Results.Unparsed) > 0 {
		return fmt.Errorf("checkov checked something in %d of %d templates, and could not read %q", len(seen), len(paths), report.Results.Unparsed)
	}
	r.CheckovFindings = r.judge("checkov", found, acceptedByCheckov)
	return nil
}
