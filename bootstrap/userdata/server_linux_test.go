//go:build bootstraptest

package userdata_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/bootstrap/roles"
	"github.com/worker-tier/worker-tier/bootstrap/userdata"
	"github.com/worker-tier/worker-tier/tierspec"
)

// server is a Chef server, goiardi, on the loopback interface, with what a person's knife needs to speak to it.
type server struct {
	t    *testing.T
	url  string
	dir  string // admin.pem, chef-validator.pem, the folders trusted, with its certificate, and repo
	gems string // of the real Chef client
}

// startServer starts goiardi with authentication and TLS, as a real server has them.
func startServer(t *testing.T) *server {
	t.Helper()
	gems := os.Getenv("CHEF_TOOLS")
	if _, err := os.Stat(filepath.Join(gems, "bin", "knife")); err != nil {
		t.Fatalf("CHEF_TOOLS names no folder with the gems of the Chef client: run make bootstrap-test, which installs them: %v", err)
	}
	if _, err := exec.LookPath("goiardi"); err != nil {
		t.Fatal("goiardi is not on the PATH: install it (Debian: apt-get install goiardi), then run this again")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	_ = listener.Close()
	s := &server{t, "https://localhost:" + port, t.TempDir(), gems}
	for _, dir := range []string{"files", "trusted", "repo/cookbooks/worker/recipes", "repo/roles"} {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	certificate := exec.Command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
		"-keyout", filepath.Join(s.dir, "key.pem"), "-out", filepath.Join(s.dir, "trusted", "cert.pem"))
	if out, err := certificate.CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	ctx, stop := context.WithCancel(context.Background())
	process := exec.CommandContext(ctx, "goiardi", "-I", "127.0.0.1", "-H", "localhost", "-P", port, "-A", "--conf-root="+s.dir, "--local-filestore-dir="+filepath.Join(s.dir, "files"),
		"--disable-webui", "--use-ssl", "--ssl-cert=trusted/cert.pem", "--ssl-key=key.pem")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); _ = process.Wait() })
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		connection, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = connection.Close()
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("goiardi does not listen: %v", err)
		}
	}
}

// knife runs it as the server's administrator and returns what it prints.
func (s *server) knife(args ...string) string {
	s.t.Helper()
	settings := "chef_server_url '" + s.url + "'\nnode_name 'admin'\nclient_key '" + s.dir + "/admin.pem'\ntrusted_certs_dir '" + s.dir + "/trusted'\nchef_license 'accept-no-persist'\n"
	if err := os.WriteFile(filepath.Join(s.dir, "knife.rb"), []byte(settings), 0o600); err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(s.gems, "bin", "knife"), append(args, "--config", filepath.Join(s.dir, "knife.rb"))...)
	cmd.Env = append(os.Environ(), "GEM_HOME="+s.gems, "GEM_PATH="+s.gems, "HOME="+s.dir, "CHEF_LICENSE=accept-no-persist")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("knife %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// upload puts a small cookbook, the base role and the content type's role on the server, as the documentation says.
func (s *server) upload() {
	s.t.Helper()
	role, err := roles.File("worker-mail", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"cookbooks/worker/metadata.rb":        []byte("name 'worker'\nversion '1.0.0'\n"),
		"cookbooks/worker/recipes/base.rb":    []byte("file('/base') { content 'first' }\n"),
		"cookbooks/worker/recipes/default.rb": []byte("file('/worker') { content(lazy { IO.read('/base') + ', then ' + node['worker_tier']['environment']['WORKER_CONTENT_TYPE'] }) }\n"),
		"roles/" + roles.BaseName + ".json":   roles.Base,
		"roles/worker-mail.json":              role,
	} {
		if err := os.WriteFile(filepath.Join(s.dir, "repo", name), text, 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	s.knife("upload", "--chef-repo-path", filepath.Join(s.dir, "repo"), "/cookbooks", "/roles")
}

// machine is one that has the real Chef client and trusts the server, whose validator's key Secrets Manager has.
func (s *server) machine() (machine, userdata.Props) {
	s.t.Helper()
	tool := func(name string) string {
		return "GEM_HOME=" + s.gems + " GEM_PATH=" + s.gems + " exec " + s.gems + "/bin/" + name + ` "$@"`
	}
	m := newMachine(s.t, map[string]string{"chef-client": tool("chef-client"), "chef-apply": tool("chef-apply"), "aws": `case "$3 $4" in
"secretsmanager get-secret-value") cat /validator ;;
*) ` + tools["aws"] + ` ;;
esac`})
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			s.t.Fatal(err)
		}
		return string(text)
	}
	for _, dir := range []string{"etc/chef/trusted_certs", "proc", s.gems} {
		if err := os.MkdirAll(filepath.Join(m.root, dir), 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	m.write(s.t, "etc/hosts", "127.0.0.1 localhost\n", 0o644)
	m.write(s.t, "etc/passwd", "root:x:0:0:root:/root:/bin/bash\n", 0o644)
	m.write(s.t, "etc/group", "root:x:0:\n", 0o644)
	m.write(s.t, "etc/chef/trusted_certs/server.crt", read("trusted/cert.pem"), 0o644)
	m.write(s.t, "validator", read("chef-validator.pem"), 0o600)
	p := m.pool(s.t)
	p.Chef = tierspec.Chef{Distribution: "chef", AcceptLicense: true, Server: &tierspec.ChefServer{URL: s.url, ValidatorSecret: "chef/validator"}}
	p.Boot.Timeout, p.RunList, p.Cookbooks = 5*time.Minute, nil, nil
	return m, p
}

// leave is the end of an instance as systemd sees it, in a lifecycle state of its group.
func (s *server) leave(m machine, state, interruption string) {
	s.t.Helper()
	m.write(s.t, "state", state, 0o644)
	m.write(s.t, "interruption", interruption, 0o644)
	out, err := m.enter(s.t.Context(), "/bin/bash /opt/worker-tier/bin/chef-leave chef-apply", "CHEF_LICENSE=accept-no-persist", "HOME=/root")
	if err != nil {
		s.t.Errorf("in state %s: %v\n%s", state, err, out)
	}
}

// The life of an instance on a Chef server, with the real client and a real server.
func TestLifeOnAChefServer(t *testing.T) {
	s := startServer(t)
	s.upload()
	m, p := s.machine()
	said, ok := m.boot(t, p)
	if !ok {
		t.Fatalf("bootstrap failed:\n%s", said)
	}
	if got := m.read(t, "worker"); got != "first, then mail" {
		t.Errorf("the recipes made %q", got)
	}
	if _, err := os.Stat(filepath.Join(m.root, "run/worker-tier/validator.pem")); err == nil {
		t.Error("the validator's key is still there")
	}
	if got := s.knife("node", "show", "i-1-mail", "--run-list"); !strings.Contains(got, "role[worker-mail]") {
		t.Errorf("the node's run list on the server: %s", got)
	}
	if calls := m.read(t, "calls"); !strings.Contains(calls, "systemctl enable --now worker-tier-chef\n") || strings.Contains(calls, "--local-mode") {
		t.Errorf("calls:\n%s", calls)
	}

	// A second converge needs no validator.
	m.write(t, "validator", "", 0o600)
	if said, ok := m.serve(t); !ok || !strings.Contains(said, " 0/2 resources updated") {
		t.Errorf("the second converge:\n%s", said)
	}
	for _, state := range []string{"InService", "Warmed:Stopped", ""} {
		if s.leave(m, state, ""); !strings.Contains(s.knife("node", "list"), "i-1-mail") {
			t.Errorf("the node is gone although the instance is in state %q", state)
		}
	}
	s.leave(m, "Terminated", "")
	if nodes, clients := s.knife("node", "list"), s.knife("client", "list"); strings.Contains(nodes+clients, "i-1-mail") {
		t.Errorf("left on the server: nodes %s, clients %s", nodes, clients)
	}
	said, ok = m.serve(t)
	m.failed(t, said, ok, `could not configure the role worker-mail (exit-code): Net::HTTPClientException: 401 "Unauthorized"`)
}

func TestRoleThatTheServerLacks(t *testing.T) {
	s := startServer(t)
	s.upload()
	m, p := s.machine()
	p.Role = "worker-mial"
	said, ok := m.boot(t, p)
	m.failed(t, said, ok, "could not configure the role worker-mial (exit-code): Chef::Exceptions::MissingRole: The expanded run list includes nonexistent roles: worker-mial")
	if _, err := os.Stat(filepath.Join(m.root, "run/worker-tier/validator.pem")); err == nil {
		t.Error("the validator's key is still there")
	}
	// A Spot interruption ends an instance whatever its group says.
	s.leave(m, "InService", `{"action": "terminate", "time": "2026-11-24T20:00:00Z"}`)
	if clients := s.knife("client", "list"); strings.Contains(clients, "i-1-mail") {
		t.Errorf("left on the server: %s", clients)
	}
}
