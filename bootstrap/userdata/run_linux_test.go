//go:build bootstraptest

package userdata_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/bootstrap/userdata"
	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// machine is a root folder in which the script runs as root of a mount namespace of its own: the
// system's /usr, everything else empty, and stand-ins for the commands that reach outside.
type machine struct{ root string }

// tools stand in for what needs AWS, the network or a package manager. Each notes its call.
var tools = map[string]string{
	"aws": `src=${@: -2:1}; cp "/s3/${src#s3://}" "${@: -1}"`,
	"curl": `case "$*" in
*/api/token) echo the-token ;;
*the-token*/meta-data/instance-id) echo i-1 ;;
*the-token*/meta-data/tags/instance/aws:autoscaling:groupName) echo the-group ;;
*--output*) while [ "$1" != --output ]; do shift; done; echo package >"$2" ;;
*) exit 22 ;;
esac`,
	"systemctl": `:`,
	"dnf":       `printf '#!/bin/bash\necho "cinc-client $*" >>/calls\n' >/tools/cinc-client; chmod +x /tools/cinc-client`,
	"sleep":     `:`,
}

func newMachine(t *testing.T, extra map[string]string) machine {
	t.Helper()
	m := machine{t.TempDir()}
	for _, dir := range []string{"usr", "dev", "etc", "opt", "root", "s3", "tmp", "tools", "var/log"} {
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
	for _, set := range []map[string]string{tools, extra} {
		for name, body := range set {
			m.write(t, "tools/"+name, "#!/bin/bash\necho \""+name+" $*\" >>/calls\n"+body+"\n", 0o755)
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

// object puts an archive into the stand-in for S3. What is executable in it is a program that notes its call
// and ends with the status that stands in the machine's file /status.
func (m machine) object(t *testing.T, object contract.Object, files map[string]fs.FileMode) {
	t.Helper()
	path := filepath.Join(m.root, "s3", object.Bucket, object.Key)
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
		content := "#!/bin/bash\necho \"" + name + " $*\" >>/calls\nexit \"$(cat /status)\"\n"
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs the script and returns what the console shows and whether it ended well. What stands on
// the console must stand in the log too.
func (m machine) run(t *testing.T, p userdata.Props) (string, bool) {
	t.Helper()
	m.write(t, "user-data", userdata.Render(p), 0o755)
	const enter = `set -e; mount --rbind /usr "$0/usr"; mount --bind /dev/null "$0/dev/null"; exec chroot "$0" /user-data`
	cmd := exec.Command("unshare", "--map-root-user", "--mount", "sh", "-c", enter, m.root)
	cmd.Env = []string{"PATH=/tools:/usr/sbin:/usr/bin:/sbin:/bin"}
	out, err := cmd.CombinedOutput()
	console := filepath.Join(m.root, "dev", "console")
	if _, missing := os.Stat(console); missing != nil {
		t.Fatalf("the script did not start (it needs Linux, and root or user namespaces): %v\n%s", err, out)
	}
	said := m.read(t, "dev/console")
	if diff := cmp.Diff(said, m.read(t, "var/log/worker-tier-bootstrap.log")); diff != "" {
		t.Errorf("console and log differ:\n%s", diff)
	}
	return said, err == nil
}

// pool is what the deployed launch template of a content type says, tokens resolved.
func pool() userdata.Props {
	return userdata.Props{
		Role: "worker-mail",
		Chef: config.Chef{Distribution: "cinc"},
		Boot: config.Boot{Timeout: 5 * time.Second, KeepFailed: 15 * time.Minute},
		Attributes: contract.Attributes{
			Bundle:    contract.Object{Bucket: "assets", Key: "bundle.zip"},
			Files:     &contract.Object{Bucket: "assets", Key: "files.zip"},
			Cookbooks: &contract.Object{Bucket: "assets", Key: "cookbooks.zip"},
			Environment: map[string]string{
				"AWS_REGION": "us-east-1", "QUERY": `a "b" $(touch /broken) 'c'`,
				contract.EnvTier: "tier", contract.EnvEnvironment: "prod", contract.EnvContentType: "mail", contract.EnvLaunchHook: "boot",
			},
		},
	}
}

var client = map[string]string{"cinc-client": ""}

// objects puts the three archives of pool on the machine.
func (m machine) objects(t *testing.T) {
	m.object(t, contract.Object{Bucket: "assets", Key: "bundle.zip"}, map[string]fs.FileMode{"bin/worker": 0o755, "cookbooks/worker/metadata.rb": 0o644})
	m.object(t, contract.Object{Bucket: "assets", Key: "files.zip"}, map[string]fs.FileMode{"bin/thumbs": 0o755, "list.txt": 0o644})
	m.object(t, contract.Object{Bucket: "assets", Key: "cookbooks.zip"}, map[string]fs.FileMode{"imap/metadata.rb": 0o644})
}

func TestBootstrapLaysOutWhatChefNeeds(t *testing.T) {
	m, p := newMachine(t, client), pool()
	m.objects(t)
	said, ok := m.run(t, p)
	if !ok || !strings.HasSuffix(said, "worker-tier bootstrap: done\n") {
		t.Fatalf("bootstrap failed:\n%s", said)
	}
	var boot contract.FirstBoot
	if err := json.Unmarshal([]byte(m.read(t, "etc/chef/first-boot.json")), &boot); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(contract.FirstBoot{RunList: []string{"role[worker-mail]"}, WorkerTier: p.Attributes}, boot); diff != "" {
		t.Errorf("first-boot.json (-want +got):\n%s", diff)
	}
	for name, mode := range map[string]fs.FileMode{
		"bin/worker": 0o755, "cookbooks/worker/metadata.rb": 0o644, "files/bin/thumbs": 0o755, "files/list.txt": 0o644, "cookbooks/imap/metadata.rb": 0o644, "roles/worker-mail.json": 0o644,
	} {
		info, err := os.Stat(filepath.Join(m.root, "opt/worker-tier", name))
		if err != nil {
			t.Error(err)
		} else if info.Mode() != mode {
			t.Errorf("%s has the mode %s, want %s", name, info.Mode(), mode)
		}
	}
	if got, want := m.read(t, "etc/chef/client.rb"), "chef_repo_path '/opt/worker-tier'\n"; got != want {
		t.Errorf("client.rb is %q, want %q", got, want)
	}
	want := `aws --region us-east-1 s3 cp --only-show-errors s3://assets/bundle.zip /opt/worker-tier/bundle.zip
aws --region us-east-1 s3 cp --only-show-errors s3://assets/files.zip /opt/worker-tier/files.zip
aws --region us-east-1 s3 cp --only-show-errors s3://assets/cookbooks.zip /opt/worker-tier/cookbooks.zip
cinc-client --local-mode --config /etc/chef/client.rb --json-attributes /etc/chef/first-boot.json
bin/worker boot complete --document /etc/chef/first-boot.json
`
	if diff := cmp.Diff(want, m.read(t, "calls")); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(m.root, "broken")); err == nil {
		t.Error("a value of the config was run as a command")
	}
}

func TestBootstrapInstallsTheClientWhereThereIsNone(t *testing.T) {
	m, p := newMachine(t, nil), pool()
	m.objects(t)
	sum := sha256.Sum256([]byte("package\n"))
	p.Chef.Package = &config.ChefPackage{URL: "https://packages.example.com/it's.rpm", SHA256: hex.EncodeToString(sum[:])}
	said, ok := m.run(t, p)
	if !ok {
		t.Fatalf("bootstrap failed:\n%s", said)
	}
	calls := m.read(t, "calls")
	for _, want := range []string{"https://packages.example.com/it's.rpm\n", "dnf install --assumeyes /opt/worker-tier/chef.rpm\n", "cinc-client --local-mode"} {
		if !strings.Contains(calls, want) {
			t.Errorf("no %q in the calls\n%s", want, calls)
		}
	}
}

func TestFailedBootstrapSaysWhy(t *testing.T) {
	withPackage := pool()
	withPackage.Chef.Package = &config.ChefPackage{URL: "https://packages.example.com/cinc.rpm", SHA256: strings.Repeat("0", 64)}
	for name, c := range map[string]struct {
		props   userdata.Props
		tools   map[string]string
		objects bool
		want    string
		calls   string // a call that must be noted
		never   string // one that must not
	}{
		"no bundle":     {pool(), client, false, "FAILED: s3://assets/bundle.zip could not be fetched", "sleep 15", "cinc-client"},
		"no client":     {pool(), nil, true, "FAILED: the image holds no cinc-client and the config names no package", "aws", "dnf"},
		"wrong package": {withPackage, nil, true, "FAILED: https://packages.example.com/cinc.rpm has not the SHA-256", "curl", "dnf"},
		"no package":    {withPackage, map[string]string{"curl": "case \"$*\" in *--output*) exit 22 ;; esac\n" + tools["curl"]}, true, "FAILED: could not install cinc-client from https://packages.example.com/cinc.rpm (exit status 22)", "curl", "dnf"},
		"chef fails":    {pool(), map[string]string{"cinc-client": "echo 'FATAL: no such recipe'; exit 1"}, true, "FATAL: no such recipe\nworker-tier bootstrap: FAILED: could not configure the role worker-mail (exit status 1)", "cinc-client", "dnf"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, c.tools)
			if c.objects {
				m.objects(t)
			}
			said, ok := m.run(t, c.props)
			if ok || strings.Contains(said, "bootstrap: done") || !strings.Contains(said, c.want) {
				t.Errorf("want a failure with %q, got ok=%t:\n%s", c.want, ok, said)
			}
			calls := m.read(t, "calls")
			if !strings.Contains(calls, c.calls) || strings.Contains(calls, c.never) {
				t.Errorf("want %q and no %q in the calls:\n%s", c.calls, c.never, calls)
			}
			if !strings.HasSuffix(calls, givenUp) {
				t.Errorf("the failure was not counted, kept and given up:\n%s", calls)
			}
		})
	}
}

// givenUp is what a failed boot ends with: its worker stopped, the failure counted, fifteen minutes to
// look at it, the launch abandoned.
const givenUp = `systemctl stop worker
aws --region us-east-1 cloudwatch put-metric-data --namespace WorkerTier --metric-name BootFailures --unit Count --value 1 --dimensions ContentType=mail,Environment=tier-prod
sleep 900
curl --fail --silent --show-error --max-time 5 --request PUT --header X-aws-ec2-metadata-token-ttl-seconds: 60 http://169.254.169.254/latest/api/token
curl --fail --silent --show-error --max-time 5 --header X-aws-ec2-metadata-token: the-token http://169.254.169.254/latest/meta-data/tags/instance/aws:autoscaling:groupName
curl --fail --silent --show-error --max-time 5 --request PUT --header X-aws-ec2-metadata-token-ttl-seconds: 60 http://169.254.169.254/latest/api/token
curl --fail --silent --show-error --max-time 5 --header X-aws-ec2-metadata-token: the-token http://169.254.169.254/latest/meta-data/instance-id
aws --region us-east-1 autoscaling complete-lifecycle-action --lifecycle-hook-name boot --lifecycle-action-result ABANDON --auto-scaling-group-name the-group --instance-id i-1
`

// A worker that does not pass its check is a failed boot, although Chef has converged.
func TestTheWorkersCheckDecides(t *testing.T) {
	m := newMachine(t, client)
	m.objects(t)
	m.write(t, "status", "1", 0o644)
	said, ok := m.run(t, pool())
	if want := "FAILED: could not check the worker (exit status 1)"; ok || !strings.Contains(said, want) {
		t.Errorf("want a failure with %q, got ok=%t:\n%s", want, ok, said)
	}
	if calls := m.read(t, "calls"); !strings.HasSuffix(calls, givenUp) {
		t.Errorf("the failure was not counted, kept and given up:\n%s", calls)
	}
}

// Whatever ends the steps is a failed boot: a hang, and a death that leaves no word.
func TestBootThatDoesNotEndByItselfFails(t *testing.T) {
	for name, c := range map[string]struct{ chef, want string }{
		"hangs":  {"/usr/bin/sleep 600", "FAILED: not done within 2s"},
		"killed": {"kill -9 $PPID", "FAILED: not done within 2s"},
		"ends":   {"kill -TERM $PPID", "FAILED: ended with exit status 143"},
	} {
		t.Run(name, func(t *testing.T) {
			m, p := newMachine(t, map[string]string{"cinc-client": c.chef}), pool()
			p.Boot.Timeout = 2 * time.Second
			m.objects(t)
			said, ok := m.run(t, p)
			if ok || !strings.Contains(said, c.want) {
				t.Errorf("want a failure with %q, got ok=%t:\n%s", c.want, ok, said)
			}
			if calls := m.read(t, "calls"); !strings.HasSuffix(calls, givenUp) {
				t.Errorf("the failure was not counted, kept and given up:\n%s", calls)
			}
		})
	}
}

func TestShellcheck(t *testing.T) {
	for name, p := range map[string]userdata.Props{"everything set": props(), "on the image": pool()} {
		// SC2016 takes the CDK's tokens, rightly in single quotes, for variables.
		check := exec.Command("shellcheck", "--shell=bash", "--exclude=SC2016", "-")
		check.Stdin = strings.NewReader(userdata.Render(p))
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s: shellcheck (package shellcheck): %v\n%s", name, err, out)
		}
	}
}
