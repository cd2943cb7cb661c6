package twin

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Synth runs the twin of test/bench, a folder in which npm ci has been run, on an input file and writes
// the cloud assembly to out.
func Synth(ctx context.Context, bench, input, out string) error {
	if _, err := os.Stat(filepath.Join(bench, "node_modules", "aws-cdk-lib")); err != nil {
		return fmt.Errorf("the twin's packages are not installed: run npm ci --prefix test/bench (%w)", err)
	}
	cmd := exec.CommandContext(ctx, "node", filepath.Join(bench, "twin", "app.js"))
	cmd.Env = append(os.Environ(), InputVariable+"="+input, "CDK_OUTDIR="+out)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run the twin: %w\n%s", err, said)
	}
	return nil
}
