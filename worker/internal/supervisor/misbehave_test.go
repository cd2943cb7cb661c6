package supervisor_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// reportsFD is the descriptor that a processor has no business with.
const reportsFD = 4

// misbehave does what a job's payload asks for.
func misbehave(e *slot.Endpoint, p payload) {
	switch p.Bad {
	case "exit":
		fmt.Fprintln(os.Stderr, "I have had enough")
		os.Exit(7)
	case "eat":
		eat()
	case "large cursor":
		cursor := json.RawMessage(`"` + strings.Repeat("x", protocol.MaxCursor) + `"`)
		_ = e.Checkpoint(protocol.Checkpoint{Cursor: cursor, Version: "count@1"})
		select {}
	case "garbage":
		scribble("this is % no report\n", 1)
	case "binary":
		scribble("\x00\x01\xfe\xff\n", 1)
	case "partial line":
		scribble(`{"progress":{"do`, 1)
		_ = e.Progress(protocol.Progress{Done: 1}) // goes on in the same line
		select {}
	case "endless line":
		scribble(strings.Repeat("x", 1<<16), 1000)
	case "false end":
		scribble(`{"outcome":{"kind":"done"}}`+"\n", 1)
	case "second ready":
		scribble(`{"ready":{"protocol":1,"processor":"count@1"}}`+"\n", 1)
	case "flood":
		scribble(`{"progress":{"done":1,"total":5,"unit":"lines"}}`+"\n", 200_000)
	case "shout":
		for n := range 200_000 {
			fmt.Fprintln(os.Stderr, "line", n, strings.Repeat("and so on ", 10))
		}
	case "daemon":
		fifo, err := os.OpenFile(p.Fifo, os.O_WRONLY, 0)
		if err != nil {
			panic(err)
		}
		for _, session := range []bool{false, true} {
			child := exec.Command("sh", "-c", `trap "" TERM HUP INT; sh -c 'while :; do sleep 1; done' & wait`)
			child.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
			child.ExtraFiles = []*os.File{fifo}
			if err := child.Start(); err != nil {
				panic(err)
			}
		}
		for { // without a look at anything
			runtime.Gosched()
		}
	}
}

// scribble writes on the descriptor of the protocol, past the endpoint.
func scribble(text string, times int) {
	for range times {
		if _, err := syscall.Write(reportsFD, []byte(text)); err != nil {
			panic(err)
		}
	}
	if !strings.Contains(text, "progress") {
		select {}
	}
}

func eat() {
	var eaten [][]byte
	for len(eaten) < 4096 {
		mebibyte := make([]byte, 1<<20)
		for i := 0; i < len(mebibyte); i += 4096 {
			mebibyte[i] = 1
		}
		eaten = append(eaten, mebibyte)
		time.Sleep(time.Millisecond)
	}
	runtime.KeepAlive(eaten)
}
