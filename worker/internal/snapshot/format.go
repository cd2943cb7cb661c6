// Package snapshot writes and reads snapshots of trees of files in an S3 bucket. Its format, version 1:
//
//	<contentType>/packs/<sha256>                  file contents, content-addressed
//	<contentType>/segments/<sha256>               entries of the tree, content-addressed
//	<contentType>/snapshots/<jobId>/<epoch>.json  the manifest: what a finished snapshot consists of
//
// A pack is the contents of one or more files, or a piece of one, one after the other, at most [MaxPack]
// bytes, as one zstd frame. Its name is the SHA-256 of the object's bytes in hexadecimal, so a pack that
// is there already, from this snapshot or another, is not sent again, and a reader can tell that it got
// what was written. Names depend on the compressor: a release with a newer one stores packs anew.
//
// A segment is a [segment] as JSON in one zstd frame, named like a pack. It lists entries in the order of
// the walk, bytewise by path, and the pack that holds their contents. A file that does not fit into one
// pack has an entry in several segments. Segments form a chain: each names those before it since the last
// one whose number is a multiple of [links], that one included, so that whoever writes on needs to know
// the last segment only, and a reader finds all of N by reading N/[links] of them.
//
// The manifest names the last segment. It carries the epoch in its name: a worker that lost its job
// without knowing writes a manifest of its own and never over the one that the job's record names.
package snapshot

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/worker-tier/worker-tier/internal/plainjson"
)

// Format is the version of the format that this release writes and the newest it reads.
const Format = 1

// MaxPack is the most content a pack holds, in bytes.
const MaxPack = 8 << 20

// MaxEntries is the most entries a segment holds: a tree of empty files fills no pack.
const MaxEntries = 4096

// links is how many segments a segment can name.
const links = 64

// Hash is a SHA-256 in hexadecimal.
type Hash string

// Path is a slash-separated path relative to the snapshot's root; that of a directory ends in a slash. File
// names need not be UTF-8: in JSON such a path is {"bytes": "<base64>"} instead of a string.
type Path string

// IsFolder says whether p is the path of a directory.
func (p Path) IsFolder() bool { return strings.HasSuffix(string(p), "/") }

// MarshalJSON writes p so that no byte is lost.
func (p Path) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(p)) {
		return plainjson.Marshal(string(p))
	}
	return json.Marshal(pathBytes{Bytes: []byte(p)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Path) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '{' {
		var raw pathBytes
		err := json.Unmarshal(text, &raw)
		*p = Path(raw.Bytes)
		return err
	}
	return json.Unmarshal(text, (*string)(p))
}

type pathBytes struct {
	Bytes []byte `json:"bytes"`
}

// Kind is what an entry is.
type Kind string

// The kinds of entries. An Other is a socket, a device or a named pipe: it is listed, never read.
const (
	File    Kind = "file"
	Dir     Kind = "dir"
	Symlink Kind = "symlink"
	Other   Kind = "other"
)

// Entry is one file, directory or link of the tree.
type Entry struct {
	Path     Path      `json:"path"`
	Kind     Kind      `json:"kind"`
	Mode     uint32    `json:"mode,omitempty"` // as in chmod(2): permissions, setuid, setgid and sticky bit; 0: the source has none
	Modified time.Time `json:"modified,omitzero"`
	Size     int64     `json:"size,omitempty"` // bytes, when it was opened
	Target   Path      `json:"target,omitempty"`
	// Problem says what could not be backed up, or that the file changed while it was read. The
	// contents are those that could be read.
	Problem string `json:"problem,omitempty"`
}

// piece is an entry in a segment, with the part of its contents that lies in the segment's pack.
type piece struct {
	Entry
	Offset int64 `json:"offset,omitempty"` // in the file
	At     int   `json:"at,omitempty"`     // in the pack's content
	Length int   `json:"length,omitempty"`
	More   bool  `json:"more,omitempty"` // the next segment goes on with this file
}

// packRef names a pack.
type packRef struct {
	Hash   Hash `json:"sha256"`
	Size   int  `json:"size"`   // bytes of content
	Stored int  `json:"stored"` // bytes of the object
}

type segment struct {
	Format   int      `json:"format"`
	Number   int      `json:"number"` // from 0
	Previous []Hash   `json:"previous,omitempty"`
	Pack     *packRef `json:"pack,omitempty"` // nil: no entry has contents
	Entries  []piece  `json:"entries"`
}

// Manifest says what a finished snapshot consists of.
type Manifest struct {
	Format   int             `json:"format"`
	Job      string          `json:"job"`
	Epoch    int64           `json:"epoch"`
	Source   json.RawMessage `json:"source"` // as the job's payload has it
	Started  time.Time       `json:"started"`
	Finished time.Time       `json:"finished"`
	Segments int             `json:"segments"`
	Last     Hash            `json:"last,omitempty"` // the last segment; empty: the tree is empty
	Counts   Counts          `json:"counts"`
}

// Counts sum up a snapshot.
type Counts struct {
	Entries  int64 `json:"entries"`
	Problems int64 `json:"problems,omitempty"` // entries with a problem
	Bytes    int64 `json:"bytes"`              // contents
	Uploaded int64 `json:"uploaded"`           // bytes of packs that were sent
	Reused   int64 `json:"reused,omitempty"`   // bytes of packs that were there already
}

// Plus adds up two counts.
func (c Counts) Plus(d Counts) Counts {
	return Counts{
		Entries: c.Entries + d.Entries, Problems: c.Problems + d.Problems, Bytes: c.Bytes + d.Bytes,
		Uploaded: c.Uploaded + d.Uploaded, Reused: c.Reused + d.Reused,
	}
}

func packKey(contentType string, h Hash) string    { return contentType + "/packs/" + string(h) }
func segmentKey(contentType string, h Hash) string { return contentType + "/segments/" + string(h) }

// manifestKey is the key of the manifest that a job's holder of that epoch writes.
func manifestKey(contentType, job string, epoch int64) string {
	return manifestPrefix(contentType, job) + strconv.FormatInt(epoch, 10) + ".json"
}

func manifestPrefix(contentType, job string) string {
	return contentType + "/snapshots/" + job + "/"
}

func checkFormat(what string, format int) error {
	if format < 1 || format > Format {
		return fmt.Errorf("%s has format %d, this release reads 1 to %d", what, format, Format)
	}
	return nil
}
