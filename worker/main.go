// Command worker runs the jobs of a content type, and submits, shows and steers them.
package main

import (
	"github.com/worker-tier/worker-tier/worker/processor"
	"github.com/worker-tier/worker-tier/worker/processors/backup"
	"github.com/worker-tier/worker-tier/worker/processors/exec"
)

func main() {
	processor.Main(backup.New(), exec.New())
}
