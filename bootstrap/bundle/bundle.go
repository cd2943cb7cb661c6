// Package bundle makes the tier's bundle, which every instance fetches: the worker binary for one
// architecture with the notices of its parts, the scripts that make an instance a worker, cookbooks and the base role. It holds no configuration, so that adding a content type does
// not change it, and the same sources give the same bytes in any folder on any machine.
package bundle

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/worker-tier/worker-tier/bootstrap/cookbooks"
	"github.com/worker-tier/worker-tier/bootstrap/roles"
	"github.com/worker-tier/worker-tier/bootstrap/userdata"
	"github.com/worker-tier/worker-tier/tierspec"
)

// Architecture is a processor architecture, in Go's spelling.
type Architecture string

// The architectures that EC2 offers for Linux.
const (
	ARM64 Architecture = "arm64"
	AMD64 Architecture = "amd64"
)

// Props say which bundle to make.
type Props struct {
	Dir          string          // the project: Worker's paths are relative to it, the bundle is put under its .build/
	Worker       tierspec.Worker // a Go package to build, or a released binary with its SHA-256
	Architecture Architecture
}

// Bundle is a folder with bin/, cookbooks/, roles/ and THIRD-PARTY.txt, and the archive that instances fetch.
type Bundle struct {
	Dir     string // absolute
	Archive Archive
}

// Build makes the bundle in <Dir>/.build/bundle/<architecture>-<digest>. The digest is of the content, so
// a folder never changes once it stands there, and several builds may run at once. Where nothing has changed since the
// last build, nothing is compiled, linked or packed. Nothing is left behind on an error.
func Build(ctx context.Context, p Props) (Bundle, error) {
	dir, err := build(ctx, p)
	if err != nil {
		return Bundle{}, err
	}
	archive, err := packOnce(dir)
	return Bundle{Dir: dir, Archive: archive}, err
}

// build makes the bundle's folder.
func build(ctx context.Context, p Props) (string, error) {
	parent, err := filepath.Abs(filepath.Join(p.Dir, ".build", "bundle"))
	if err != nil {
		return "", fmt.Errorf("find the folder of the bundle: %w", err)
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", fmt.Errorf("make the folder of the bundle: %w", err)
	}
	draft, err := os.MkdirTemp(parent, ".draft-")
	if err != nil {
		return "", fmt.Errorf("make the folder of the bundle: %w", err)
	}
	defer func() { _ = os.RemoveAll(draft) }() // once renamed, there is nothing to remove
	if err := fill(ctx, draft, p); err != nil {
		return "", err
	}
	digest, err := digestOf(draft)
	if err != nil {
		return "", fmt.Errorf("read the bundle back: %w", err)
	}
	dir := filepath.Join(parent, string(p.Architecture)+"-"+digest)
	if err := os.Rename(draft, dir); err != nil && !isDir(dir) {
		return "", fmt.Errorf("put the bundle in its place: %w", err)
	}
	return dir, nil
}

// notices are the licences and notices of all that this project's worker is built from. make update writes them, a test in test/licences
// compares them with the modules that are linked.
//
//go:embed third-party.txt
var notices []byte

// fill writes the bundle's content to dir.
func fill(ctx context.Context, dir string, p Props) error {
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		return fmt.Errorf("make the folder of the worker binary: %w", err)
	}
	put := compile
	if p.Worker.File != "" {
		put = copyReleased
	}
	if err := put(ctx, filepath.Join(dir, binary), p); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(dir, "cookbooks"), cookbooks.Files); err != nil {
		return fmt.Errorf("copy the cookbooks: %w", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "roles"), 0o755); err != nil {
		return fmt.Errorf("make the folder of the roles: %w", err)
	}
	for name, content := range map[string][]byte{
		"THIRD-PARTY.txt":                              notices,
		filepath.Join("bin", "bootstrap"):              userdata.Bootstrap,
		filepath.Join("bin", "chef-leave"):             userdata.ChefLeave,
		filepath.Join("roles", roles.BaseName+".json"): roles.Base,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("write the bundle: %w", err)
		}
	}
	return setModes(dir)
}

// binary is the worker in the bundle.
var binary = filepath.Join("bin", "worker")

// setModes gives all files the same modes whatever the umask is: the archive on S3 keeps them.
func setModes(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if entry.IsDir() || filepath.Dir(path) == filepath.Join(dir, "bin") {
			mode = 0o755
		}
		if err := os.Chmod(path, mode); err != nil {
			return fmt.Errorf("set the modes of the bundle: %w", err)
		}
		return nil
	})
}

// digestOf is a digest of the names and contents of all files under dir, and of the Go that packs them.
func digestOf(dir string) (string, error) {
	sum := sha256.New()
	sum.Write([]byte(runtime.Version() + "\n")) // its compression decides about the archive's bytes
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum.Write(fmt.Appendf(nil, "%q %d\n", filepath.ToSlash(name), len(content)))
		sum.Write(content)
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil))[:16], err
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
