package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// The errors by which an instance has run out of something: of what all its processes share, and of its disk.
var (
	lacks     = []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM}
	diskLacks = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EACCES, syscall.EIO}
)

// opened is the error with which a processor did not open a job. It is the instance's fault if the instance has run out of
// something. A full disk counts only in the folder for temporary files: any other path may be the job's own.
func opened(err error) error {
	is := func(lack error) bool { return errors.Is(err, lack) }
	if slices.ContainsFunc(lacks, is) {
		return protocol.Instance(err)
	}
	at, ok := errors.AsType[*fs.PathError](err)
	if ok && strings.HasPrefix(at.Path, filepath.Clean(os.TempDir())+string(filepath.Separator)) && slices.ContainsFunc(diskLacks, is) {
		return protocol.Instance(err)
	}
	return err
}

// testSize is how much the self-test writes into the folder for temporary files, in bytes: as much as the longest message.
const testSize = 1 << 20

// selfTest tries what each job needs before its processor has it. A slot that fails is not ready, and takes no job.
func selfTest(p processor.Processor) error {
	if err := keepsFiles(); err != nil {
		return fmt.Errorf("the folder for temporary files: %w", err)
	}
	if p.Check == nil {
		return nil
	}
	return p.Check()
}

// keepsFiles writes a file into the folder for temporary files and removes it.
func keepsFiles() error {
	folder, err := os.MkdirTemp("", "worker-selftest-")
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(folder, "file"), make([]byte, testSize), 0o600), os.RemoveAll(folder))
}
