package exec

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// longestShebang is how much of a script's first line the kernel reads, in bytes (execve(2)).
const longestShebang = 256

func hasCommand(s contract.Settings) error {
	if len(s.Command) == 0 {
		return fmt.Errorf("%s is not set: content type %s needs a command in the configuration", contract.EnvCommand, s.ContentType)
	}
	return nil
}

// check says why the program of a content type cannot be started here.
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

// interpreterOf is the interpreter that a script names in its first line; "": it is no script, or may not be read.
func interpreterOf(path string) (string, error) {
	file, err := os.Open(path)
	if os.IsPermission(err) { // a binary may be executable and not readable
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	line, err := bufio.NewReader(io.LimitReader(file, longestShebang)).ReadBytes('\n')
	if err != nil && err != io.EOF {
		return "", err
	}
	words, isScript := bytes.CutPrefix(line, []byte("#!"))
	fields := bytes.Fields(words)
	if !isScript || len(fields) == 0 {
		return "", nil
	}
	return string(fields[0]), nil
}
