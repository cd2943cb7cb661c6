package localec2

import (
	"os"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// Boot is what a machine is started with.
type Boot struct {
	ID       string             // of the instance
	Dir      string             // of the instance
	Profile  string             // name or ARN of its instance profile
	Document contract.FirstBoot // of the deployed user-data
	Metadata string             // URL of its instance metadata service
	Endpoint string             // URL of its way to AWS
	Install  func() error       // lays the bundle out in Dir: what user-data does on machines that run it
	Log      *os.File           // of a machine of processes, which closes it when it has ended; nil: LogFile
	Failed   func()             // counts a boot that failed: what user-data does then
}

// Machine is what an instance runs on: processes ([StartProcess]) or a machine that boots ([Machines]).
type Machine interface {
	Shutdown()              // ends it in order (SIGTERM), as a machine that shuts down does
	PowerCut()              // ends everything on the machine at once and returns when nothing is left
	Freeze() error          // stops everything on the machine in mid step
	Thaw() error            // lets a frozen machine go on
	Began() time.Time       // when the supervisor's process did; of a machine that boots: when that did
	Done() <-chan struct{}  // closed when it has ended and nothing is left of it
	Memory() (int64, error) // resident memory of the supervisor, in bytes
	Processes() []int       // what runs on the machine
}

// TemporaryFolder is the folder for temporary files of a machine of processes, inside the instance's folder.
const TemporaryFolder = "tmp"

// LogFile is where a worker's output goes, or a machine's console with its journal, inside the instance's folder.
const LogFile = "worker.log"

// Machines are instances that boot: each is a systemd-nspawn machine of a base image, which runs the user-data in its
// metadata as root. It sees its metadata service at 169.254.169.254 and AWS at 127.0.0.1:4566, and nothing else of any network.
type Machines struct {
	Image  string   // folder of the base image (bootstrap/image/local); it is not written to
	Disk   int64    // bytes of the root volume, which lies in memory; 0: 2 GiB
	Shared []Shared // folders of this machine's
}

// Shared is a folder that machines see.
type Shared struct {
	Host, Machine string // absolute
	Writable      bool
}
