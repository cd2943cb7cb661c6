package slot

import (
	"fmt"
	"os"
)

// temporary are the variables by which programs find the folder for their temporary files.
var temporary = []string{"TMPDIR", "TMP", "TEMP"}

// inFolder adds to an environment that temporary files belong into folder. "": wherever the supervisor's lie.
func inFolder(environ []string, folder string) []string {
	if folder == "" {
		return environ
	}
	for _, name := range temporary {
		environ = append(environ, name+"="+folder)
	}
	return environ
}

// UseFolder is for a slot: its temporary files, and those of what it starts from now on, belong into the job's folder.
// "": the supervisor is of a release without such folders.
func UseFolder(folder string) error {
	if folder == "" {
		return nil
	}
	for _, name := range temporary {
		if err := os.Setenv(name, folder); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
