package child_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/worker-tier/worker-tier/worker/internal/child"
)

// shell is a command that runs a script; what it prints and reports is in the two builders once it has ended.
func shell(script string) (c child.Command, printed, reported *strings.Builder) {
	printed, reported = &strings.Builder{}, &strings.Builder{}
	return child.Command{
		Path: "sh", Args: []string{"-c", script}, Env: os.Environ(), Leftovers: func() {},
		Output:  func(from io.Reader) { _, _ = io.Copy(printed, from) },
		Reports: func(from io.Reader) { _, _ = io.Copy(reported, from) },
	}, printed, reported
}

func TestEverythingIsReadBeforeTheEnd(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := write.WriteString("order\n"); err != nil {
		t.Fatal(err)
	}
	c, printed, reported := shell("read line <&3; echo $line >&4; echo out; echo err >&2; exit 7")
	c.Inherit = []*os.File{read}
	var order []string
	c.Admit = func(int) error { order = append(order, "admitted"); return nil }
	watched := make(chan struct{})
	c.Watch = func(_ int, ended <-chan struct{}) { <-ended; close(watched) }
	c.Leftovers = func() { <-watched; order = append(order, "leftovers") }
	p := child.New(c)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	err = p.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 7 || p.Killed() {
		t.Errorf("ended with %v, killed: %t", err, p.Killed())
	}
	if reported.String() != "order\n" || printed.String() != "out\nerr\n" {
		t.Errorf("reported %q, printed %q", reported, printed)
	}
	if got := strings.Join(order, ", "); got != "admitted, leftovers" {
		t.Errorf("called: %s", got)
	}
	if _, err := read.Stat(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("the inherited file is open here: %v", err)
	}
	p.Kill() // too late
	if p.Killed() {
		t.Error("a process that had ended counts as killed")
	}
}

func TestAStartThatFailsLeavesNothing(t *testing.T) {
	refused := errors.New("no room")
	for name, c := range map[string]struct {
		path  string
		admit func(int) error
		want  error
	}{
		"no such program": {"/no/such/program", nil, fs.ErrNotExist},
		"not admitted":    {"sh", func(int) error { return refused }, refused},
	} {
		t.Run(name, func(t *testing.T) {
			read, _, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			command, _, _ := shell("while :; do sleep 1; done")
			pid := 0
			command.Path, command.Inherit = c.path, []*os.File{read}
			if c.admit != nil {
				command.Admit = func(n int) error { pid = n; return c.admit(n) }
			}
			if err := child.New(command).Start(); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if _, err := read.Stat(); !errors.Is(err, fs.ErrClosed) {
				t.Errorf("the inherited file is open: %v", err)
			}
			if pid != 0 && syscall.Kill(pid, 0) != syscall.ESRCH {
				t.Errorf("process %d runs", pid)
			}
		})
	}
}

// What cannot be found and killed may hold the pipes for ever.
func TestALeftoverHoldsUpNobody(t *testing.T) {
	c, printed, _ := shell("sleep 1000 & echo $!")
	p := child.New(c)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	leftover, err := strconv.Atoi(strings.TrimSpace(printed.String()))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(leftover, syscall.SIGKILL); err != nil {
		t.Errorf("the leftover %d ended before its pipes were given up: %v", leftover, err)
	}
}

// The pipes of a group that was killed come to their end by themselves.
func TestKillTakesTheGroup(t *testing.T) {
	c, _, _ := shell("sleep 1000 & echo; wait")
	var broken error
	printed := make(chan struct{})
	c.Group, c.Output = true, func(from io.Reader) {
		_, _ = from.Read(make([]byte, 1))
		close(printed)
		_, broken = io.Copy(io.Discard, from)
	}
	p := child.New(c)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	<-printed // the sleep is there
	p.Kill()
	if err := p.Wait(); err == nil || err.Error() != "signal: killed" || !p.Killed() {
		t.Errorf("ended with %v, killed: %t", err, p.Killed())
	}
	if broken != nil {
		t.Errorf("somebody held the pipe: %v", broken)
	}
}

func TestTail(t *testing.T) {
	long := strings.Repeat("x", 9000)
	for name, c := range map[string]struct {
		tail          *child.Tail
		printed, want string
	}{
		"nothing":                 {&child.Tail{Lines: 2}, "", ""},
		"last lines":              {&child.Tail{Lines: 2}, "a\n\n  b\r\nc", "b | c"},
		"long lines are cut":      {&child.Tail{Lines: 2, Width: 3}, "abcd\nefgh\n", "abc | efg"},
		"or come in pieces":       {&child.Tail{Lines: 9}, long + "\n", long[:8192] + " | " + long[8192:]},
		"a panic's first frames":  {&child.Tail{Lines: 2, Panic: true}, "a\npanic: b\nc\nd\n", "panic: b | c"},
		"the last panic":          {&child.Tail{Lines: 3, Panic: true}, "panic: b\nc\nfatal error: d\ne\n", "fatal error: d | e"},
		"a panic, not looked for": {&child.Tail{Lines: 2}, "panic: b\nc\nd\n", "c | d"},
	} {
		var passed strings.Builder
		c.tail.Read(strings.NewReader(c.printed), func(piece []byte) { passed.Write(piece) })
		if got := c.tail.Last(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if passed.String() != c.printed {
			t.Errorf("%s: passed on %q", name, passed.String())
		}
	}
}
