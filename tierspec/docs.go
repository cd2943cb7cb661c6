package tierspec

import (
	"regexp"
	"runtime/debug"
)

const repository = "github.com/worker-tier/worker-tier"

// release is the version of a release. What was built of another commit has a longer one.
var release = regexp.MustCompile(`^v[0-9]+[.][0-9]+[.][0-9]+$`)

// Docs is the address of the folder docs of the release that the program was built with, with a slash at its end. Where it was
// built of no release it is that of the branch main.
func Docs() string {
	info, _ := debug.ReadBuildInfo()
	return docsOf(info)
}

func docsOf(info *debug.BuildInfo) string {
	at := "main"
	if info != nil {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == repository && release.MatchString(m.Version) {
				at = m.Version
			}
		}
	}
	return "https://" + repository + "/blob/" + at + "/docs/"
}
