package exec

import (
	"bufio"
	"bytes"
	"encoding/binary"
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

// longestPath is that of a path, in bytes (PATH_MAX).
const longestPath = 4096

// commandOf is the program of the content type with its arguments, from the environment of the slot.
func commandOf() ([]string, error) {
	command, err := contract.CommandFrom(os.LookupEnv)
	if err == nil && len(command) == 0 {
		err = fmt.Errorf("%s is not set: the content type needs a command in the configuration", contract.EnvCommand)
	}
	return command, err
}

// check says why the program of a content type cannot be started here: it, or its interpreter, is missing or not executable.
func check() error {
	command, err := commandOf()
	if err != nil {
		return err
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return fmt.Errorf("the program cannot be started: %w", err)
	}
	interpreter, err := interpreterOf(path)
	if err == nil && interpreter != "" {
		_, err = exec.LookPath(interpreter)
	}
	if err != nil {
		return fmt.Errorf("the program %s cannot be started: %w", command[0], err)
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
	return loaderOf(file), nil
}

// loaderOf is the loader of a binary, for example of another C library than the instance has. It reads the 64-bit
// little-endian ELF format alone (elf(5)): package debug/elf would make the worker larger for this one field. A binary for
// another machine has none that is looked for here: an emulator may start it.
func loaderOf(file io.ReaderAt) string {
	const headerSize, segmentSize, interpreter = 64, 56, 3
	machine := map[string]uint16{"amd64": 62, "arm64": 183}[runtime.GOARCH]
	header := make([]byte, headerSize)
	if _, err := file.ReadAt(header, 0); err != nil || !bytes.HasPrefix(header, []byte("\x7fELF\x02\x01")) {
		return ""
	}
	number := binary.LittleEndian
	if number.Uint16(header[18:]) != machine {
		return ""
	}
	at := int64(number.Uint64(header[32:]))
	for range number.Uint16(header[56:]) {
		segment := make([]byte, segmentSize)
		if _, err := file.ReadAt(segment, at); err != nil {
			return ""
		}
		if number.Uint32(segment) == interpreter {
			name := make([]byte, min(number.Uint64(segment[32:]), longestPath))
			if _, err := file.ReadAt(name, int64(number.Uint64(segment[8:]))); err != nil {
				return ""
			}
			return string(bytes.TrimRight(name, "\x00"))
		}
		at += segmentSize
	}
	return ""
}
