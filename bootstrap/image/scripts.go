package image

import (
	_ "embed"
	"strings"

	"github.com/worker-tier/worker-tier/tierspec"
)

var (
	//go:embed install.sh
	installScript string
	//go:embed check.sh
	checkScript string
)

// System chooses the packages of one that images are made of.
type System func(Content) []string

// Amazon is Amazon Linux 2023, Debian is Debian 12.
func Amazon(c Content) []string { return c.Amazon }
func Debian(c Content) []string { return c.Debian }

// Install is a Bash script that makes an Amazon Linux 2023 hold the list and the Chef client, for root with a way to the
// package; chef.Package must be set.
func Install(chef tierspec.Chef) string {
	var packages []string
	for _, c := range Contents().Contents {
		packages = append(packages, c.Amazon...)
	}
	return script(installScript, [][2]string{
		{"packages", strings.Join(packages, " ")}, {"url", chef.Package.URL}, {"sha256", chef.Package.SHA256},
	})
}

// Check is a Bash script that fails in an image of that system which lacks something of the list or has another Chef client
// than the one that is asked for, and says what it lacks. It changes nothing.
func Check(of System, chef tierspec.Chef) string {
	var commands, services []string
	for _, c := range Contents().Contents {
		switch {
		case len(of(c)) == 0:
		case c.Command != "":
			commands = append(commands, c.Command)
		default:
			services = append(services, of(c)...)
		}
	}
	return script(checkScript, [][2]string{
		{"commands", strings.Join(commands, " ")}, {"services", strings.Join(services, " ")}, {"client", chef.Client()}, {"version", chef.Version},
	})
}

// script puts variables before a script, and makes it end with the first command that fails.
func script(text string, variables [][2]string) string {
	var all strings.Builder
	all.WriteString("set -euo pipefail\n")
	for _, v := range variables {
		all.WriteString(v[0] + "='" + strings.ReplaceAll(v[1], "'", `'\''`) + "'\n")
	}
	return all.String() + text
}
