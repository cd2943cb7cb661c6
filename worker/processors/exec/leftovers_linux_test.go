package exec

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/child/childtest"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// TestLeftoversEndWithTheProgram has a program that leaves a child in a session of its own.
func TestLeftoversEndWithTheProgram(t *testing.T) {
	fifo := childtest.Fifo(t)
	p := startSlot(t, `exec 9>`+fifo.Name()+`; setsid sh -c 'echo held >&9; sleep 60' & read line <`+fifo.Name()+`.go`)
	release := fifo.Name() + ".go"
	if err := syscall.Mkfifo(release, 0o600); err != nil {
		t.Fatal(err)
	}
	send(t, p, job(time.Minute, `{}`, ""))
	childtest.AwaitHeld(t, fifo, patience)
	if err := os.WriteFile(release, []byte("go\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := outcome(t, p); got.Kind != protocol.Done {
		t.Errorf("outcome %+v", got)
	}
	childtest.NobodyLeft(t, fifo, patience)
}
