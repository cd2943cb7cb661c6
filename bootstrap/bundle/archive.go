package bundle

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Archive is a .zip file that instances fetch, and the SHA-256 by which they know it. The CDK would make such a file only when it
// publishes it, after the user-data that names the digest has been written.
type Archive struct {
	Path   string
	SHA256 string // hexadecimal
}

// Pack puts what is in a folder into an archive in the folder parent, which is made if need be. The same files, of which only
// the right to execute counts beside name and content, give the same bytes. A link to a file is packed as that file; one to
// a folder is an error. What [IgnoredIn] names is left out.
func Pack(folder, parent string) (Archive, error) {
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return Archive{}, fmt.Errorf("make the folder of the archives: %w", err)
	}
	draft, err := os.CreateTemp(parent, ".draft-")
	if err != nil {
		return Archive{}, fmt.Errorf("make the archive of %s: %w", folder, err)
	}
	defer func() { _ = os.Remove(draft.Name()) }() // once renamed, there is nothing to remove
	sum := sha256.New()
	err = errors.Join(pack(folder, io.MultiWriter(draft, sum)), draft.Chmod(0o644), draft.Close())
	if err != nil {
		return Archive{}, fmt.Errorf("make the archive of %s: %w", folder, err)
	}
	digest := hex.EncodeToString(sum.Sum(nil))
	archive := Archive{Path: filepath.Join(parent, digest+".zip"), SHA256: digest}
	if err := os.Rename(draft.Name(), archive.Path); err != nil {
		return Archive{}, fmt.Errorf("put the archive of %s in its place: %w", folder, err)
	}
	return archive, nil
}

// packOnce is [Pack] for a folder that never changes: its archive is kept beside the others under the folder's own name.
func packOnce(folder string) (Archive, error) {
	parent := filepath.Join(filepath.Dir(folder), "archives")
	kept := filepath.Join(parent, filepath.Base(folder)+".zip")
	content, err := os.ReadFile(kept)
	if err == nil {
		sum := sha256.Sum256(content)
		return Archive{Path: kept, SHA256: hex.EncodeToString(sum[:])}, nil
	}
	archive, err := Pack(folder, parent)
	if err != nil {
		return Archive{}, err
	}
	if err := os.Rename(archive.Path, kept); err != nil && !isFile(kept) { // another build may have been here first
		return Archive{}, fmt.Errorf("put the archive of %s in its place: %w", folder, err)
	}
	return Archive{Path: kept, SHA256: archive.SHA256}, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// pack writes the files under folder, in the order of their names.
func pack(folder string, to io.Writer) error {
	archive := zip.NewWriter(to)
	err := walk(folder, func(path, name string) error { return packFile(archive, path, name) })
	return errors.Join(err, archive.Close())
}

func packFile(archive *zip.Writer, path, name string) error {
	if why := obstacle(path); why != "" {
		return fmt.Errorf("%s %s", path, why)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	header := &zip.FileHeader{Name: name, Method: zip.Deflate}
	header.SetMode(0o644)
	if info.Mode()&0o111 != 0 {
		header.SetMode(0o755)
	}
	entry, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	_, err = io.Copy(entry, file)
	return err
}
