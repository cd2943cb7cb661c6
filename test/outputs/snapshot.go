// Package outputs reads what finished jobs have left and compares it with what they were given. It shares no
// code with the processors that it checks.
package outputs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/zstd"
)

// The reader of snapshots is written from the description of the format in worker/internal/snapshot/format.go.

type manifest struct {
	Format   int    `json:"format"`
	Segments int    `json:"segments"`
	Last     string `json:"last"`
}

type segment struct {
	Format   int      `json:"format"`
	Number   int      `json:"number"`
	Previous []string `json:"previous"`
	Pack     *pack    `json:"pack"`
	Entries  []entry  `json:"entries"`
}

type pack struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

type entry struct {
	Path    pathName `json:"path"`
	Kind    string   `json:"kind"`
	Mode    uint32   `json:"mode"`
	Size    int64    `json:"size"`
	Target  pathName `json:"target"`
	Problem string   `json:"problem"`
	Offset  int64    `json:"offset"`
	At      int      `json:"at"`
	Length  int      `json:"length"`
	More    bool     `json:"more"`
}

// pathName is a path as text, or as bytes where it is not UTF-8.
type pathName string

func (p *pathName) UnmarshalJSON(text []byte) error {
	if text[0] != '{' {
		return json.Unmarshal(text, (*string)(p))
	}
	var raw struct {
		Bytes []byte `json:"bytes"`
	}
	err := json.Unmarshal(text, &raw)
	*p = pathName(raw.Bytes)
	return err
}

func (s *segment) contentSize() int64 {
	if s.Pack == nil {
		return 0
	}
	return s.Pack.Size
}

// Bucket is the tier's artifacts.
type Bucket struct {
	Client *s3.Client
	Name   string
}

// Snapshot is a backup with all its segments, in the order of the tree.
type Snapshot struct{ segments []*segment }

// ContentSize is the size of all files as they are stored, in bytes.
func (o *Snapshot) ContentSize() int64 {
	var sum int64
	for _, s := range o.segments {
		sum += s.contentSize()
	}
	return sum
}

// Open opens the snapshot that the last cursor of a finished backup names.
func (b Bucket) Open(ctx context.Context, lastCursor string) (*Snapshot, error) {
	var cursor struct {
		Manifest string `json:"manifest"`
	}
	if err := json.Unmarshal([]byte(lastCursor), &cursor); err != nil || cursor.Manifest == "" {
		return nil, fmt.Errorf("the cursor names no manifest: %s", lastCursor)
	}
	text, err := b.object(ctx, cursor.Manifest)
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil || m.Format != 1 {
		return nil, fmt.Errorf("manifest %s: format %d, %w", cursor.Manifest, m.Format, err)
	}
	out := &Snapshot{}
	for last := m.Last; last != ""; {
		s, err := b.segment(ctx, last)
		if err != nil {
			return nil, err
		}
		out.segments = append(out.segments, s)
		last = ""
		for n, name := range slices.Backward(s.Previous) {
			if n == 0 {
				last = name
				break
			}
			one, err := b.segment(ctx, name)
			if err != nil {
				return nil, err
			}
			out.segments = append(out.segments, one)
		}
	}
	slices.Reverse(out.segments)
	for n, s := range out.segments {
		if s.Number != n || len(out.segments) != m.Segments {
			return nil, fmt.Errorf("manifest %s: segment %d of %d says that it is %d of %d", cursor.Manifest, n, len(out.segments), s.Number, m.Segments)
		}
	}
	return out, nil
}

// SegmentSize is the size of a segment's content, in bytes; hash is its name.
func (b Bucket) SegmentSize(ctx context.Context, hash string) (int64, error) {
	s, err := b.segment(ctx, hash)
	if err != nil {
		return 0, err
	}
	return s.contentSize(), nil
}

func (b Bucket) segment(ctx context.Context, hash string) (*segment, error) {
	text, err := b.verified(ctx, "backup/segments/"+hash, hash)
	if err != nil {
		return nil, err
	}
	s := &segment{}
	if err := json.Unmarshal(text, s); err != nil || s.Format != 1 {
		return nil, fmt.Errorf("segment %s: format %d, %w", hash, s.Format, err)
	}
	return s, nil
}

// content is what a segment's pack holds.
func (b Bucket) content(ctx context.Context, s *segment) ([]byte, error) {
	if s.Pack == nil {
		return nil, nil
	}
	return b.verified(ctx, "backup/packs/"+s.Pack.SHA256, s.Pack.SHA256)
}

// verified reads a compressed object whose name is its SHA-256.
func (b Bucket) verified(ctx context.Context, key, hash string) ([]byte, error) {
	stored, err := b.object(ctx, key)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(stored); hex.EncodeToString(sum[:]) != hash {
		return nil, fmt.Errorf("object %s is not what its name says", key)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	return decoder.DecodeAll(stored, nil)
}

func (b Bucket) object(ctx context.Context, key string) ([]byte, error) {
	got, err := b.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Name, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("s3://%s/%s: %w", b.Name, key, err)
	}
	defer func() { _ = got.Body.Close() }()
	return io.ReadAll(got.Body)
}
