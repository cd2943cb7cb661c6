//go:build bootstraptest

package local

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/bootstrap/image"
	"github.com/worker-tier/worker-tier/tierspec"
)

// The client of the local image is Chef's, under Cinc's name.
func chef() tierspec.Chef {
	return tierspec.Chef{Distribution: "cinc", Version: image.Contents().Chef, Package: &tierspec.ChefPackage{URL: "file:///chef.rpm", SHA256: strings.Repeat("0", 64)}}
}

// inImage runs a script in the local base image as root, after changes to it that do not last.
func inImage(t *testing.T, changes, script string) (string, error) {
	t.Helper()
	base, err := Build(t.Context(), filepath.Join("..", "..", ".."), os.Stdout)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", `
		mount -t tmpfs tmpfs "$scratch"
		mkdir "$scratch"/{upper,work,root}
		mount -t overlay -o "lowerdir=$base,upperdir=$scratch/upper,workdir=$scratch/work" overlay "$scratch/root"
		mount -t proc proc "$scratch/root/proc"
		cd "$scratch/root"
		`+changes+`
		exec chroot . /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bash -s`)
	cmd.Env = append(os.Environ(), "base="+base, "scratch="+t.TempDir())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(script), &said, &said
	err = isolated(cmd)
	return said.String(), err
}

// What Image Builder runs in an image passes in the local one, and names whatever an image lacks.
func TestCheckOfAnImage(t *testing.T) {
	// The list has no service on Debian: two of Debian's own stand for those of Amazon Linux.
	services := func(names string) string {
		return strings.Replace(image.Check(image.Debian, chef()), "services=''", "services='"+names+"'", 1)
	}
	older, exact := chef(), chef()
	older.Version, exact.Version = "17", "18.11.11"
	near := exact
	near.Version = "18.11.1"
	for name, c := range map[string]struct {
		changes, script string
		want            string   // "": it passes
		also            []string // is said too
	}{
		"as it was made":         {"", image.Check(image.Debian, chef()), "", []string{"Chef Infra Client: 18."}},
		"the version to the dot": {"", image.Check(image.Debian, exact), "", nil},
		"services":               {"", services("systemd-journald systemd-networkd"), "", nil},
		"no AWS CLI":             {"rm usr/bin/aws usr/local/bin/aws", image.Check(image.Debian, chef()), "the image lacks the command aws", nil},
		"no clock and no curl":   {"rm usr/sbin/chronyd usr/bin/curl", image.Check(image.Debian, chef()), "the image lacks the command chronyd", []string{"the image lacks the command curl"}},
		"no client":              {"rm usr/local/bin/cinc-client", image.Check(image.Debian, chef()), "the image lacks the command cinc-client", nil},
		"no service":             {"", services("systemd-journald amazon-ssm-agent"), "the image lacks the service amazon-ssm-agent", nil},
		"a client of before":     {"", image.Check(image.Debian, older), "and chef.version in worker-tier.yaml says 17", nil},
		"not quite the version":  {"", image.Check(image.Debian, near), "and chef.version in worker-tier.yaml says 18.11.1\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := inImage(t, c.changes, c.script)
			if (err == nil) != (c.want == "") {
				t.Errorf("%v:\n%s", err, said)
			}
			for _, want := range append(c.also, c.want) {
				if !strings.Contains(said, want) {
					t.Errorf("said is %q, want %q", said, want)
				}
			}
			if c.want != "" && strings.Count(said, "the image lacks") != strings.Count(c.want+strings.Join(c.also, ""), "the image lacks") {
				t.Errorf("more is missed than was taken away: %s", said)
			}
		})
	}
}

// What Image Builder runs to fill an image asks dnf, for which a stand-in is here, for the whole list, and installs no package
// that is not the one of the config.
func TestInstallation(t *testing.T) {
	const dnf = `cat >usr/local/bin/dnf <<'DNF'
#!/bin/sh
echo "dnf $*"
DNF
chmod 755 usr/local/bin/dnf; echo package >chef.rpm;`
	right := chef()
	right.Package.SHA256 = "4e9416efcf77b84013f263e1f9008c656861298be5aabc82f458e6e47c60d9ff" // of "package\n"
	gone := right
	gone.Package = &tierspec.ChefPackage{URL: "file:///gone.rpm", SHA256: right.Package.SHA256}
	for name, c := range map[string]struct {
		chef   tierspec.Chef
		wanted string // "": it is installed
	}{
		"the package of the config": {right, ""},
		"another package":           {chef(), "file:///chef.rpm has not the SHA-256 that chef.package.sha256 in worker-tier.yaml names: it was not installed"},
		"no package":                {gone, "curl: (37) Couldn't open file /gone.rpm"},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := inImage(t, dnf, image.Install(c.chef))
			if (err == nil) != (c.wanted == "") || !strings.Contains(said, c.wanted) {
				t.Errorf("%v, want %q:\n%s", err, c.wanted, said)
			}
			if got := strings.Contains(said, "dnf install --assumeyes ./chef.rpm"); got != (c.wanted == "") {
				t.Errorf("the package is installed: %v\n%s", got, said)
			}
			if !strings.HasPrefix(said, "dnf upgrade --assumeyes --releasever=latest\ndnf install --assumeyes systemd ") || !strings.Contains(said, " amazon-ssm-agent amazon-cloudwatch-agent\n") {
				t.Errorf("not the whole list is installed:\n%s", said)
			}
		})
	}
}

func TestShellcheck(t *testing.T) {
	for name, script := range map[string]string{
		"install": image.Install(chef()), "check on Amazon Linux": image.Check(image.Amazon, chef()), "check on Debian": image.Check(image.Debian, chef()),
	} {
		check := exec.Command("shellcheck", "--shell=bash", "-")
		check.Stdin = strings.NewReader(script)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s: shellcheck (package shellcheck): %v\n%s", name, err, out)
		}
	}
}
