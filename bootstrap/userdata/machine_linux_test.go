//go:build bootstraptest

package userdata_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/bootstrap/userdata"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// machine is a root folder in which the scripts run as root of a mount namespace of its own: the
// system's /usr, everything else empty, and stand-ins for the commands that reach outside. Where systemd would, the test
// runs what the unit says.
type machine struct{ root string }

// tools stand in for what needs AWS, the network, systemd or a package manager. Each notes its call.
var tools = map[string]string{
	"aws": `case "$3 $4" in
"s3api get-object") cp "/s3/$6/$8" "$9" ;;
"logs put-log-events") printf %s "${@: -1}" >/shipped ;;
"secretsmanager get-secret-value") echo the-key; [ ! -e /run/worker-tier/validator.pem ] || stat -c %a /run/worker-tier/validator.pem >/key-mode ;;
esac`,
	"curl": `case "$*" in
*/api/token) echo the-token ;;
*the-token*/meta-data/instance-id) echo i-1 ;;
*the-token*/meta-data/tags/instance/aws:autoscaling:groupName) echo the-group ;;
*the-token*/meta-data/autoscaling/target-lifecycle-state) cat /state ;;
*the-token*/meta-data/spot/instance-action) cat /interruption ;;
*--output*) while [ "$1" != --output ]; do shift; done; echo package >"$2" ;;
*) exit 22 ;;
esac`,
	"journalctl":  `cat /journal 2>/dev/null || true`,
	"systemctl":   `[ "$1" != is-system-running ] || cat /running`,
	"systemd-run": `:`,
	"sync":        `:`,
	"dpkg":        `:`,
	"dnf":         install,
	"apt-get":     install,
	"sleep":       `:`,
}

const install = `printf '#!/bin/bash\necho "cinc-client $*" >>/calls\n' >/tools/cinc-client; chmod +x /tools/cinc-client`

func newMachine(t *testing.T, extra map[string]string) machine {
	t.Helper()
	m := machine{t.TempDir()}
	for _, dir := range []string{"usr", "dev", "etc/systemd/system", "opt", "root", "run", "s3", "tmp", "tools"} {
		if err := os.MkdirAll(filepath.Join(m.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range []string{"bin", "lib", "lib64", "sbin"} {
		if err := os.Symlink("usr/"+link, filepath.Join(m.root, link)); err != nil {
			t.Fatal(err)
		}
	}
	m.write(t, "dev/null", "", 0o666)
	m.write(t, "status", "0", 0o644)
	m.write(t, "running", "running\n", 0o644)
	for _, set := range []map[string]string{tools, extra} {
		for name, body := range set {
			note := "echo \"" + name + " $*\" >>/calls"
			if name == "aws" { // the text of a log event is for /shipped alone
				note = `[[ $* = *put-log-events* ]] && echo "aws ${*:1:$#-1}" >>/calls || ` + note
			}
			m.write(t, "tools/"+name, "#!/bin/bash\n"+note+"\n"+body+"\n", 0o755)
		}
	}
	return m
}

func (m machine) write(t *testing.T, name, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(m.root, name), []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func (m machine) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(m.root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// object puts an archive into the stand-in for S3 and says what it is. What is executable in it is a program that notes
// its call and ends with the status that stands in the machine's file /status.
func (m machine) object(t *testing.T, key string, files map[string]fs.FileMode, texts map[string][]byte) contract.Object {
	t.Helper()
	path := filepath.Join(m.root, "s3", "assets", key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	var content bytes.Buffer
	archive := zip.NewWriter(&content)
	for name, mode := range files {
		header := &zip.FileHeader{Name: name}
		header.SetMode(mode)
		w, err := archive.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		text := texts[name]
		if text == nil {
			text = []byte("#!/bin/bash\necho \"" + name + " $*\" >>/calls\necho 'the worker says why' >&2\nexit \"$(cat /status)\"\n")
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content.Bytes())
	return contract.Object{Bucket: "assets", Key: key, SHA256: hex.EncodeToString(sum[:])}
}

// pool is what the deployed launch template of a content type says, tokens resolved; its three archives are on the machine.
func (m machine) pool(t *testing.T) userdata.Props {
	t.Helper()
	files := m.object(t, "files.zip", map[string]fs.FileMode{"bin/thumbs": 0o755, "list.txt": 0o644}, nil)
	cookbooks := m.object(t, "cookbooks.zip", map[string]fs.FileMode{"imap/metadata.rb": 0o644}, nil)
	return userdata.Props{
		Role:    "worker-mail",
		Chef:    tierspec.Chef{Distribution: "cinc"},
		Boot:    tierspec.Boot{Timeout: time.Minute, KeepFailed: 15 * time.Minute},
		RunList: []string{"recipe[imap]"},
		Bundle: m.object(t, "bundle.zip", map[string]fs.FileMode{
			"bin/worker": 0o755, "bin/bootstrap": 0o755, "bin/chef-leave": 0o755, "cookbooks/worker/metadata.rb": 0o644, "roles/worker-base.json": 0o644,
		}, map[string][]byte{"bin/bootstrap": userdata.Bootstrap, "bin/chef-leave": userdata.ChefLeave}),
		Files: &files, Cookbooks: &cookbooks,
		LogGroup: "the-logs", LaunchTemplate: "0123abcd",
		Environment: map[string]string{
			"AWS_REGION": "us-east-1", "QUERY": `a "b" $(touch /broken) 'c'`,
			contract.EnvTier: "tier", contract.EnvEnvironment: "prod", contract.EnvContentType: "mail", contract.EnvLaunchHook: "boot",
		},
	}
}

var client = map[string]string{"cinc-client": ""}

// enter runs a command as root of the machine and returns what it printed.
func (m machine) enter(ctx context.Context, command string, env ...string) (string, error) {
	const setUp = `set -e; mount --rbind /usr "$0/usr"; mount --bind /dev/null "$0/dev/null"; 
for dir in /proc "$GEMS"; do if [ -n "$dir" ] && [ -d "$0$dir" ]; then mount --rbind "$dir" "$0$dir"; fi; done
exec chroot "$0" /bin/bash -c "exec $1"`
	cmd := exec.CommandContext(ctx, "unshare", "--map-root-user", "--mount", "sh", "-c", setUp, m.root, command)
	cmd.Env = slices.Concat(env, []string{"GEMS=" + os.Getenv("CHEF_TOOLS"), "PATH=/tools:/usr/sbin:/usr/bin:/sbin:/bin"})
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a unit's processes end together
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// cloudInit runs the script as cloud-init does: once, without arguments.
func (m machine) cloudInit(t *testing.T, script string) (string, error) {
	t.Helper()
	m.write(t, "part-001", script, 0o755)
	return m.enter(t.Context(), "/part-001")
}

var setting = regexp.MustCompile(`(?m)^(\w+)=(.*)$`)

// unit is what the script has told systemd to run.
func (m machine) unit(t *testing.T) map[string]string {
	t.Helper()
	settings := map[string]string{}
	for _, found := range setting.FindAllStringSubmatch(m.read(t, "etc/systemd/system/worker-tier.service"), -1) {
		settings[found[1]] = found[2]
	}
	return settings
}

// serve does what systemd does with the unit: the command, at most for so long, and then the one that is told how it ended.
// It returns what the journal and the console show, and whether the unit succeeded.
func (m machine) serve(t *testing.T) (string, bool) {
	t.Helper()
	unit := m.unit(t)
	limit, err := strconv.Atoi(unit["RuntimeMaxSec"])
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(limit)*time.Second)
	defer cancel()
	said, err := m.enter(ctx, unit["ExecStart"])
	result := "exit-code"
	exit, _ := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		result = "success"
	case ctx.Err() != nil:
		result = "timeout"
	case exit != nil && exit.ExitCode() == 128+int(syscall.SIGKILL):
		result = "signal"
	}
	m.write(t, "journal", said, 0o644)
	last, err := m.enter(t.Context(), unit["ExecStopPost"], "SERVICE_RESULT="+result)
	if err != nil && result == "success" {
		t.Errorf("after success: %v\n%s", err, last)
	}
	return said + last, result == "success"
}

// boot is a whole first boot.
func (m machine) boot(t *testing.T, p userdata.Props) (string, bool) {
	t.Helper()
	if out, err := m.cloudInit(t, userdata.Render(p)); err != nil {
		t.Fatalf("the script did not install itself (it needs Linux, and root or user namespaces): %v\n%s", err, out)
	}
	return m.serve(t)
}
