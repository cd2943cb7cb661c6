package exec

import (
	"bufio"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// longestShebang is how much of a script's first line the kernel reads, in bytes (execve(2)).
const longestShebang = 256

// machines are those of binaries that the kernel starts here without an emulator.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

func hasCommand(s contract.Settings) error {
	if len(s.Command) == 0 {
		return fmt.Errorf("%s is not set: content type %s needs a command in the configuration", contract.EnvCommand, s.ContentType)
	}
	return nil
}

// check says why the program of a content type cannot be started here: it, or its interpreter, is missing or not executable.
func check(s contract.Settings) error {
	if err := hasCommand(s); err != nil {
		return err
	}
	path, err := exec.LookPath(s.Command[0])
	if err != nil {
		return fmt.Errorf("the program cannot be started: %w", err)
	}
	interpreter, err := interpreterOf(path)
	if err == nil && interpreter != "" {
		_, err = exec.LookPath(interpreter)
	}
	if err != nil {
		return fmt.Errorf("the program %s cannot be started: %w", s.Command[0], err)
	}
	return nil
}

// interpreterOf is the interpreter that a script names in its first line, or the loader that a binary names. It returns ""
// if there is none, or if it is not known: only the kernel knows of each kind of program.
func interpreterOf(path string) (string, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) { // a binary may be executable and not readable
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	line, err := bufio.NewReader(io.NewSectionReader(file, 0, longestShebang)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if words, isScript := bytes.CutPrefix(line, []byte("#!")); isScript {
		if fields := bytes.Fields(words); len(fields) > 0 {
			return string(fields[0]), nil
		}
		return "", nil
	}
	return loaderOf(file)
}

// loaderOf is the loader of a binary for this machine, for example of another C library than the instance has.
func loaderOf(file io.ReaderAt) (string, error) {
	binary, err := elf.NewFile(file)
	if err != nil || binary.Machine != machines[runtime.GOARCH] {
		return "", nil
	}
	for _, part := range binary.Progs {
		if part.Type == elf.PT_INTERP {
			name, err := io.ReadAll(part.Open())
			return string(bytes.TrimRight(name, "\x00")), err
		}
	}
	return "", nil
}
