package slot

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/monotonic"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// The tests run their own binary in other roles, named by this variable.
const (
	roleVariable = "SLOT_TEST_ROLE"
	fifoVariable = "SLOT_TEST_FIFO" // held open by everybody who must not outlive the supervisor
)

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	roles[role]()
}

var roles = map[string]func(){
	"steps":     serve(steps),
	"flood":     serve(flood),
	"busy":      serve(func(*Endpoint, *Task) { holdFifo(); spin() }),
	"bare":      serve(func(*Endpoint, *Task) { holdFifoBy(bareHolder()); spin() }),
	"drain":     serve(drain),
	"panic":     serve(func(*Endpoint, *Task) { panic("the processor is broken") }),
	"fail":      func() { fmt.Fprintln(os.Stderr, "cannot go on"); os.Exit(3) },
	"garbage":   func() { say(`{"ready":{"protocol":1,"processor":"p@1"}}`, "% done") },
	"unready":   func() { say(`{"progress":{"done":1}}`) },
	"old":       func() { say(`{"ready":{"protocol":99,"processor":"p@1"}}`) },
	"unasked":   func() { say(`{"ready":{"protocol":1,"processor":"p@1"}}`, `{"outcome":{"kind":"done"}}`) },
	"long":      func() { say(`{"ready":{"protocol":1,"processor":"p@1"}}`, strings.Repeat("x", 2*protocol.MaxReport)) },
	"truncated": func() { _, _ = os.NewFile(reportsFD, "").WriteString(`{"ready":{"proto`) },
	"large": serve(func(*Endpoint, *Task) {
		sayLine(`{"checkpoint":{"cursor":"` + strings.Repeat("x", protocol.MaxCursor-1) + `"}}`)
	}),
	"binary":     func() { say(`{"ready":{"protocol":1,"processor":"p@1"}}`, "\x00\xff") },
	"partial":    func() { sayLine(`{"ready":{"protocol":1,"processor":"p@1"}}`); partial() },
	"deaf":       deaf,
	"supervisor": func() { supervisor("busy") },

	"frozen supervisor": func() { supervisor("daemon") },
}

// serve makes a role of what a slot does with each job.
func serve(run func(*Endpoint, *Task)) func() {
	return func() {
		e, err := Attach("p@1")
		if err != nil {
			panic(err)
		}
		for task := range e.Tasks() {
			run(e, task)
		}
	}
}

func steps(e *Endpoint, t *Task) {
	must(e.Checkpoint(protocol.Checkpoint{Cursor: t.Payload, Version: "p@1", Progress: protocol.Progress{Done: 1}}))
	must(e.Finish(protocol.Outcome{Kind: protocol.Done}))
}

func flood(e *Endpoint, t *Task) {
	for n := range int64(5000) {
		cursor := json.RawMessage(fmt.Sprintf(`"%d%s"`, n, strings.Repeat(".", 500)))
		must(e.Checkpoint(protocol.Checkpoint{Cursor: cursor, Version: "p@1", Progress: protocol.Progress{Done: n}}))
		must(e.Progress(protocol.Progress{Done: n}))
	}
	must(e.Finish(protocol.Outcome{Kind: protocol.Done}))
}

func drain(e *Endpoint, t *Task) {
	<-t.Draining()
	must(e.Finish(protocol.Outcome{Kind: protocol.Stopped, Error: t.Drain().Cause}))
}

// holdFifo keeps the test's FIFO open in this process and in a program of its group that ignores
// SIGTERM.
func holdFifo() { holdFifoAs(nil) }

func holdFifoAs(attributes *syscall.SysProcAttr) {
	program := holder()
	program.SysProcAttr = attributes
	holdFifoBy(program)
}

func holder() *exec.Cmd {
	return exec.Command("sh", "-c", `trap "" TERM HUP INT; while :; do sleep 1; done`)
}

func bareHolder() *exec.Cmd {
	program := holder()
	program.Env = []string{} // nil would be that of the slot
	return program
}

func holdFifoBy(program *exec.Cmd) {
	fifo, err := os.OpenFile(os.Getenv(fifoVariable), os.O_WRONLY, 0)
	must(err)
	program.ExtraFiles = []*os.File{fifo}
	must(program.Start())
	_, err = fifo.WriteString("held\n")
	must(err)
}

func spin() {
	for n := 0; ; n++ { // a processor that never looks up
		_ = n
	}
}

func sayLine(line string) { _, _ = syscall.Write(reportsFD, []byte(line+"\n")) }

func partial() {
	_, _ = syscall.Write(reportsFD, []byte(`{"progress":{"do`))
	fmt.Fprintln(os.Stderr, "gone in mid line")
	os.Exit(3)
}

func say(lines ...string) {
	for _, line := range lines {
		sayLine(line)
	}
	signal.Ignore(syscall.SIGTERM)
	time.Sleep(time.Hour)
}

func deaf() {
	_, _ = os.NewFile(reportsFD, "").WriteString(`{"ready":{"protocol":1,"processor":"p@1"}}` + "\n")
	time.Sleep(time.Hour)
}

// supervisor runs a role with a deadline two seconds away and never renews it.
func supervisor(role string) {
	p, err := Start(options(role))
	must(err)
	<-p.Reports()
	must(p.Send(protocol.Order{Run: &protocol.Assignment{ID: "1", Deadline: monotonic.Now() + 2*time.Second}}))
	fmt.Println("ready")
	for range p.Reports() {
	}
}

func options(role string) Options {
	exe, err := os.Executable()
	must(err)
	return Options{
		Executable: exe,
		Env:        append(os.Environ(), roleVariable+"="+role, "GOTRACEBACK=single"),
		Log:        slog.New(slog.DiscardHandler),
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
