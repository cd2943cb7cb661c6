package main

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

// This is a reader of snapshots of its own, written from the description of the format in
// worker/internal/snapshot/format.go: it shares no code with the writer that it checks.

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

// opened is a snapshot with all its segments, in the order of the tree.
type opened struct{ segments []*segment }

func (o *opened) contentSize() int64 {
	var sum int64
	for _, s := range o.segments {
		sum += s.contentSize()
	}
	return sum
}

// openSnapshot opens the snapshot that a finished backup's record names.
func (d *demo) openSnapshot(ctx context.Context, id string) (*opened, error) {
	r, err := d.tier.job(ctx, "backup", id)
	if err != nil {
		return nil, err
	}
	var cursor struct {
		Manifest string `json:"manifest"`
	}
	if err := json.Unmarshal([]byte(r.Cursor), &cursor); err != nil || cursor.Manifest == "" {
		return nil, fmt.Errorf("job %s: its cursor names no manifest: %s", id, r.Cursor)
	}
	text, err := d.tier.object(ctx, cursor.Manifest)
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil || m.Format != 1 {
		return nil, fmt.Errorf("manifest %s: format %d, %w", cursor.Manifest, m.Format, err)
	}
	out := &opened{}
	for last := m.Last; last != ""; {
		s, err := d.tier.segment(ctx, last)
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
			one, err := d.tier.segment(ctx, name)
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

func (t *tier) segment(ctx context.Context, hash string) (*segment, error) {
	text, err := t.verified(ctx, "backup/segments/"+hash, hash)
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
func (t *tier) content(ctx context.Context, s *segment) ([]byte, error) {
	if s.Pack == nil {
		return nil, nil
	}
	return t.verified(ctx, "backup/packs/"+s.Pack.SHA256, s.Pack.SHA256)
}

// verified reads a compressed object whose name is its SHA-256.
func (t *tier) verified(ctx context.Context, key, hash string) ([]byte, error) {
	stored, err := t.object(ctx, key)
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

func (t *tier) object(ctx context.Context, key string) ([]byte, error) {
	got, err := t.store.GetObject(ctx, &s3.GetObjectInput{Bucket: &t.bucket, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("s3://%s/%s: %w", t.bucket, key, err)
	}
	defer func() { _ = got.Body.Close() }()
	return io.ReadAll(got.Body)
}
