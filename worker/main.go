// Command worker runs the jobs of a content type, and submits, shows and steers them.
package main

import (
	"github.com/worker-tier/worker-tier/worker/processors/backup"
	"github.com/worker-tier/worker-tier/worker/processors/exec"
	"github.com/worker-tier/worker-tier/worker/program"
)

func main() {
	program.Main(backup.New(), exec.New())
}
