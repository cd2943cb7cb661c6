package localtier

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// OwnFolder empties a folder for the run of a make target, which has it alone until release is called or its process
// ends. It is refused while another run has it.
func OwnFolder(dir, target string) (release func(), err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("another make %s runs in this project: wait for its end or stop it", target)
	}
	if err := os.RemoveAll(dir); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return func() { _ = lock.Close() }, os.MkdirAll(dir, 0o755)
}
