//go:build bootstraptest

package userdata_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/bootstrap/userdata"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

func TestBootstrapLaysOutWhatChefNeeds(t *testing.T) {
	m := newMachine(t, client)
	p := m.pool(t)
	said, ok := m.boot(t, p)
	if !ok || !strings.HasSuffix(said, "\ndone\n") {
		t.Fatalf("bootstrap failed:\n%s", said)
	}
	var boot contract.FirstBoot
	if err := json.Unmarshal([]byte(m.read(t, "etc/chef/first-boot.json")), &boot); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.Environment, boot.WorkerTier.Environment); diff != "" {
		t.Errorf("environment in first-boot.json (-want +got):\n%s", diff)
	}
	for name, mode := range map[string]fs.FileMode{
		"bin/worker": 0o755, "cookbooks/worker/metadata.rb": 0o644, "files/bin/thumbs": 0o755, "files/list.txt": 0o644, "cookbooks/imap/metadata.rb": 0o644,
		"roles/worker-base.json": 0o644, "roles/worker-mail.json": 0o644,
	} {
		info, err := os.Stat(filepath.Join(m.root, "opt/worker-tier", name))
		if err != nil {
			t.Error(err)
		} else if info.Mode() != mode {
			t.Errorf("%s has the mode %s, want %s", name, info.Mode(), mode)
		}
	}
	wantRole := `{"name": "worker-mail", "chef_type": "role", "json_class": "Chef::Role", "run_list": ["role[worker-base]", "recipe[imap]", "recipe[worker]"]}`
	if diff := cmp.Diff(wantRole, m.read(t, "opt/worker-tier/roles/worker-mail.json")); diff != "" {
		t.Errorf("role (-want +got):\n%s", diff)
	}
	if got, want := m.read(t, "etc/chef/client.rb"), "chef_repo_path '/opt/worker-tier'\n"; got != want {
		t.Errorf("client.rb is %q, want %q", got, want)
	}
	if diff := cmp.Diff(`sync 
systemctl enable --now worker-tier
aws --cli-connect-timeout 5 s3api get-object --bucket assets --key bundle.zip bundle.zip
sync 
aws --cli-connect-timeout 5 s3api get-object --bucket assets --key files.zip files.zip
sync 
aws --cli-connect-timeout 5 s3api get-object --bucket assets --key cookbooks.zip cookbooks.zip
sync 
cinc-client --config /etc/chef/client.rb --json-attributes /etc/chef/first-boot.json --local-mode
bin/worker boot complete --document /etc/chef/first-boot.json
systemctl disable worker-tier
`+shipped, m.read(t, "calls")); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(m.root, "broken")); err == nil {
		t.Error("a value of the config was run as a command")
	}
	if unit := m.unit(t); unit["StandardOutput"] != "journal+console" || unit["WantedBy"] != "multi-user.target" {
		t.Errorf("unit %v", unit)
	}
}

// shipped is how the log goes to CloudWatch Logs.
const shipped = token + `curl -sSfm5 -H X-aws-ec2-metadata-token: the-token http://169.254.169.254/latest/meta-data/instance-id
aws --cli-connect-timeout 5 logs create-log-stream --log-group-name the-logs --log-stream-name i-1
journalctl -u worker* -ocat -n99
aws --cli-connect-timeout 5 logs put-log-events --log-group-name the-logs --log-stream-name i-1 --log-events
`

const token = "curl -sSfm5 -XPUT -H X-aws-ec2-metadata-token-ttl-seconds: 60 http://169.254.169.254/latest/api/token\n"

// givenUp is what a failed boot ends with: its worker stopped, the launch abandoned in fifteen minutes, the failure counted
// and its log kept.
const givenUp = "systemctl is-system-running\nsystemctl stop worker\n" + token + `curl -sSfm5 -H X-aws-ec2-metadata-token: the-token http://169.254.169.254/latest/meta-data/instance-id
` + token + `curl -sSfm5 -H X-aws-ec2-metadata-token: the-token http://169.254.169.254/latest/meta-data/tags/instance/aws:autoscaling:groupName
systemd-run --on-active=900 -E AWS_REGION aws autoscaling complete-lifecycle-action --lifecycle-action-result ABANDON --lifecycle-hook-name boot --instance-id i-1 --auto-scaling-group-name the-group
aws --cli-connect-timeout 5 cloudwatch put-metric-data --namespace WorkerTier/tier-prod --metric-name BootFailures --value 1 --dimensions ContentType=mail,Environment=tier-prod
aws --cli-connect-timeout 5 cloudwatch put-metric-data --namespace WorkerTier/tier-prod --metric-name BootFailures --value 1 --dimensions ContentType=mail,Environment=tier-prod,LaunchTemplate=0123abcd
` + shipped

// failed checks a failed boot: one line says why, first of what CloudWatch Logs gets, and it is given up.
func (m machine) failed(t *testing.T, said string, ok bool, want string) {
	t.Helper()
	_, reason, _ := strings.Cut(said, "FAILED: ")
	reason, _, _ = strings.Cut(reason, "\n")
	if ok || strings.Contains(said, "\ndone\n") || strings.Count(said, "FAILED: ") != 1 || !strings.Contains(reason, want) {
		t.Errorf("want one failure with %q, got ok=%t:\n%s", want, ok, said)
	}
	if calls := m.read(t, "calls"); !strings.HasSuffix(calls, givenUp) {
		t.Errorf("the failure was not counted, kept, logged and given up:\n%s", calls)
	}
	// What the AWS CLI takes for an end of the text is replaced.
	plain := strings.NewReplacer("'", `"`, `\`, "/").Replace(want)
	if event := m.read(t, "shipped"); !regexp.MustCompile(`^timestamp=\d{13},message='FAILED: `).MatchString(event) || !strings.Contains(event, plain) {
		t.Errorf("CloudWatch Logs got %q", event)
	}
}

func TestBootstrapInstallsTheClientWhereThereIsNone(t *testing.T) {
	sum := sha256.Sum256([]byte("package\n"))
	for ending, want := range map[string]string{".rpm": "dnf install --assumeyes ./chef.rpm\n", ".deb": "apt-get install --yes --option DPkg::Lock::Timeout=120 ./chef.deb\n"} {
		m := newMachine(t, nil)
		p := m.pool(t)
		p.Chef.Package = &tierspec.ChefPackage{URL: "https://packages.example.com/it's" + ending, SHA256: hex.EncodeToString(sum[:])}
		said, ok := m.boot(t, p)
		if !ok {
			t.Fatalf("bootstrap failed:\n%s", said)
		}
		calls := m.read(t, "calls")
		for _, want := range []string{"https://packages.example.com/it's" + ending + "\n", want, "cinc-client --config"} {
			if !strings.Contains(calls, want) {
				t.Errorf("no %q in the calls\n%s", want, calls)
			}
		}
	}
}

func TestFailedBootstrapSaysWhy(t *testing.T) {
	withPackage := func(p *userdata.Props) {
		p.Chef.Package = &tierspec.ChefPackage{URL: "https://packages.example.com/cinc.rpm", SHA256: strings.Repeat("0", 64)}
	}
	refused := map[string]string{"aws": `case "$3 $4" in "s3api get-object") echo -e "\nAn error occurred (AccessDenied) when calling the GetObject operation: Access Denied" >&2; exit 254 ;; esac
` + tools["aws"], "cinc-client": ""}
	const missing = `echo '[2026] ERROR: Exception handlers complete'; echo '[2026] FATAL: Stacktrace dumped'
echo '[2026] FATAL: Chef::Exceptions::MissingRole: The expanded run list includes nonexistent roles: worker-mail'; exit 1`
	for name, c := range map[string]struct {
		change func(*userdata.Props)
		tools  map[string]string
		want   string
		never  string // a call that must not be noted
	}{
		"refused":         {nil, refused, "could not fetch s3://assets/bundle.zip (exit-code): An error occurred (AccessDenied) when calling the GetObject operation: Access Denied", "cinc-client"},
		"another bundle":  {func(p *userdata.Props) { p.Bundle.SHA256 = strings.Repeat("0", 64) }, client, "could not fetch s3://assets/bundle.zip (exit-code): sha256sum: WARNING: 1 computed checksum did NOT match", "cinc-client"},
		"other files":     {func(p *userdata.Props) { p.Files.SHA256 = strings.Repeat("0", 64) }, client, "could not fetch s3://assets/files.zip (exit-code): sha256sum: WARNING: 1 computed checksum did NOT match", "cinc-client"},
		"other cookbooks": {func(p *userdata.Props) { p.Cookbooks.SHA256 = strings.Repeat("0", 64) }, client, "could not fetch s3://assets/cookbooks.zip (exit-code): sha256sum: WARNING: 1 computed checksum did NOT match", "cinc-client"},
		"no client":       {nil, nil, "could not find the Chef client (exit-code): the image holds no cinc-client and the config names no package", "dnf"},
		"wrong package":   {withPackage, nil, "could not install cinc-client from https://packages.example.com/cinc.rpm (exit-code): it has not the SHA-256", "dnf"},
		"secret address":  {func(p *userdata.Props) { withPackage(p); p.Chef.Package.URL += "?X-Amz-Signature=abc" }, map[string]string{"curl": "case \"$*\" in *--output*) echo \"curl: ${@: -1} answers 403\" >&2; exit 22 ;; esac\n" + tools["curl"]}, "could not install cinc-client from https://packages.example.com/cinc.rpm (exit-code): curl: https://packages.example.com/cinc.rpm answers 403", "dnf"},
		"no package":      {withPackage, map[string]string{"curl": "case \"$*\" in *--output*) echo 'curl: (22) 404' >&2; exit 22 ;; esac\n" + tools["curl"]}, "could not install cinc-client from https://packages.example.com/cinc.rpm (exit-code): curl: (22) 404", "dnf"},
		"chef fails":      {nil, map[string]string{"cinc-client": missing}, "could not configure the role worker-mail (exit-code): Chef::Exceptions::MissingRole: The expanded run list includes nonexistent roles: worker-mail", "boot complete"},
		"chef is killed":  {nil, map[string]string{"cinc-client": "kill -9 $$"}, "could not configure the role worker-mail (exit-code): see the log", "boot complete"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, c.tools)
			p := m.pool(t)
			if c.change != nil {
				c.change(&p)
			}
			said, ok := m.boot(t, p)
			m.failed(t, said, ok, c.want)
			if calls := m.read(t, "calls"); strings.Contains(calls, c.never) {
				t.Errorf("%q in the calls:\n%s", c.never, calls)
			}
		})
	}
}

// A download that fails at first leaves no trace of a failure.
func TestDownloadsAreTriedAgain(t *testing.T) {
	m := newMachine(t, map[string]string{"cinc-client": "", "aws": `case "$3 $4" in "s3api get-object") echo x >>/tries; [ "$(wc -l </tries)" -gt 4 ] || exit 1 ;; esac
` + tools["aws"]})
	said, ok := m.boot(t, m.pool(t))
	if !ok || strings.Contains(said, "FAILED") || strings.Contains(m.read(t, "shipped"), "FAILED") {
		t.Errorf("ok=%t:\n%s", ok, said)
	}
	if got := strings.Count(m.read(t, "calls"), "\nsleep "); got != 4 {
		t.Errorf("%d pauses, want 4", got)
	}
}

// A worker that does not pass its check is a failed boot, although Chef has converged.
func TestTheWorkersCheckDecides(t *testing.T) {
	m := newMachine(t, client)
	m.write(t, "status", "1", 0o644)
	said, ok := m.boot(t, m.pool(t))
	m.failed(t, said, ok, "could not pass the worker's check (exit-code): the worker says why")
}

// Whatever ends the unit is a failed boot: a hang, and a death that leaves no word.
func TestBootThatDoesNotEndByItselfFails(t *testing.T) {
	for name, c := range map[string]struct{ chef, want string }{
		"hangs":  {"/usr/bin/sleep 600", "could not configure the role worker-mail (timeout): configure the role worker-mail"},
		"killed": {"kill -9 $PPID", "could not configure the role worker-mail (signal): configure the role"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, map[string]string{"cinc-client": c.chef})
			p := m.pool(t)
			p.Boot.Timeout = 10 * time.Second
			said, ok := m.boot(t, p)
			m.failed(t, said, ok, c.want)
		})
	}
}

// A reboot ends the unit with success for systemd: nothing is counted, and the next boot goes on with what is there.
func TestBootThatIsCutGoesOn(t *testing.T) {
	m := newMachine(t, map[string]string{"cinc-client": `[ -e /second ] || { touch /second; kill -TERM $PPID; /usr/bin/sleep 1; }`})
	if out, err := m.cloudInit(t, userdata.Render(m.pool(t))); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	unit := m.unit(t)
	if out, err := m.enter(t.Context(), unit["ExecStart"]); err == nil {
		t.Fatalf("was not cut:\n%s", out)
	}
	m.write(t, "running", "stopping\n", 0o644)
	for _, result := range []string{"success", "exit-code"} { // Chef, whose jobs the reboot cancels, may be quicker than the signal
		if out, err := m.enter(t.Context(), unit["ExecStopPost"], "SERVICE_RESULT="+result); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if calls := m.read(t, "calls"); strings.Contains(calls, "put-metric-data") || strings.Contains(calls, "systemd-run") || strings.Contains(calls, "systemctl disable") {
		t.Errorf("a cut boot is no failed one and not done:\n%s", calls)
	}
	if err := os.RemoveAll(filepath.Join(m.root, "run", "worker-tier")); err != nil { // it lies in memory
		t.Fatal(err)
	}
	m.write(t, "calls", "", 0o644)
	said, ok := m.serve(t)
	if !ok {
		t.Fatalf("the second boot failed:\n%s", said)
	}
	if calls := m.read(t, "calls"); strings.Contains(calls, "get-object") || !strings.Contains(calls, "boot complete") || !strings.Contains(calls, "systemctl disable worker-tier") {
		t.Errorf("the second boot:\n%s", calls)
	}
}

// Where not even the unit can be written, as on a full disk, the boot is given up all the same.
func TestDiskThatTakesNothing(t *testing.T) {
	m := newMachine(t, client)
	if err := os.RemoveAll(filepath.Join(m.root, "opt")); err != nil {
		t.Fatal(err)
	}
	m.write(t, "opt", "", 0o644)
	said, err := m.cloudInit(t, userdata.Render(m.pool(t)))
	m.failed(t, said, err == nil && false, "could not begin (1): mkdir: cannot create directory")
}

func TestShellcheck(t *testing.T) {
	m := machine{t.TempDir()}
	for name, script := range map[string]string{
		"everything set": userdata.Render(props()), "on the image": userdata.Render(m.pool(t)), "bootstrap": string(userdata.Bootstrap), "chef-leave": string(userdata.ChefLeave),
	} {
		// SC2016 takes the CDK's tokens, rightly in single quotes, for variables; SC1091 is about bin/bootstrap, which is checked itself.
		check := exec.Command("shellcheck", "--shell=bash", "--exclude=SC2016,SC1091", "-")
		check.Stdin = strings.NewReader(script)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s: shellcheck (package shellcheck): %v\n%s", name, err, out)
		}
	}
}
