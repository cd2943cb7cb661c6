package localec2

import "github.com/worker-tier/worker-tier/worker/contract"

// Boot is what a machine is started with.
type Boot struct {
	ID       string             // of the instance
	Dir      string             // of the instance; its bundle is unpacked there
	Document contract.FirstBoot // of the deployed user-data
	Metadata string             // URL of its instance metadata service
	Endpoint string             // URL of its way to AWS
}

// Machine is what an instance runs on. [StartProcess] starts the kind that any Linux machine can run;
// real machines fit behind the same interface.
type Machine interface {
	Shutdown()              // asks the worker to end (SIGTERM), as a machine that shuts down does
	PowerCut()              // ends everything on the machine at once and returns when nothing is left
	Freeze() error          // stops everything on the machine in mid step
	Thaw() error            // lets a frozen machine go on
	Done() <-chan struct{}  // closed when the worker has ended and nothing is left of the machine
	Memory() (int64, error) // resident memory of the supervisor, in bytes
	Processes() []int       // what runs on the machine
}

// LogFile is where a worker's output goes, inside the instance's folder.
const LogFile = "worker.log"
