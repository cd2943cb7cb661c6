// Package backup is the processor that backs up a folder or a part of an S3 bucket as a snapshot in the
// artifacts bucket; see worker/internal/snapshot for what it writes. The job's payload is
//
//	{"source": {"directory": "/srv/data"}}
//	{"source": {"s3": {"bucket": "customer-data", "prefix": "mail/"}}}
//
// What cannot be read, changes while it is read or vanishes is listed in the snapshot with its problem;
// the job goes on. Hard links are backed up as separate files; owners and extended attributes are not.
package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/internal/awsaccess"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/internal/snapshot"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// New is the processor "backup". It finds AWS as every SDK does: environment, profile, instance role.
func New() processor.Processor {
	return processor.Processor{Name: "backup", Version: 1, Open: open}
}

type payload struct {
	Source json.RawMessage `json:"source"`
}

// sourceSpec has exactly one field set.
type sourceSpec struct {
	Directory string  `json:"directory"`
	S3        *s3Spec `json:"s3"`
}

type s3Spec struct {
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix"` // "" or ends in "/"
}

// cursor says where a backup goes on. At the end it names the manifest.
type cursor struct {
	place
	snapshot.Position
	Counts   snapshot.Counts `json:"counts"`
	Total    int64           `json:"total,omitempty"` // bytes in the source; 0: not counted yet, -1: too many to count
	Started  int64           `json:"started"`         // seconds since 1970
	Manifest string          `json:"manifest,omitempty"`
}

// decode reads the job's cursor; false: the job is at its start.
func (c *cursor) decode(job *processor.Job) (bool, error) {
	resumed, err := job.DecodeCursor(c)
	if err == nil && (c.Offset < 0 || c.Segments < 0) {
		err = processor.Permanent(fmt.Errorf("cursor: offset %d, segments %d: neither can be negative", c.Offset, c.Segments))
	}
	return resumed && err == nil, err
}

func open(ctx context.Context, job *processor.Job) (processor.Steps, error) {
	var p payload
	if err := job.DecodePayload(&p); err != nil {
		return nil, err
	}
	spec, err := p.parse()
	if err != nil {
		return nil, processor.Permanent(fmt.Errorf("payload: %w", err))
	}
	at := cursor{Started: time.Now().Unix()}
	artifacts := os.Getenv(contract.EnvArtifactsBucket)
	if artifacts == "" {
		return nil, protocol.Instance(fmt.Errorf("%s is not set", contract.EnvArtifactsBucket))
	}
	if err := spec.apartFrom(artifacts, job.ContentType); err != nil {
		return nil, processor.Permanent(fmt.Errorf("payload: %w", err))
	}
	resumed, err := at.decode(job)
	if err != nil {
		return nil, err
	}
	aws, err := awsaccess.ConfigWithRegion(ctx)
	if err != nil {
		return nil, protocol.Instance(err)
	}
	if err := awsaccess.HasCredentials(ctx, aws); err != nil {
		return nil, protocol.Instance(err)
	}
	client := snapshot.NewClient(aws)
	src, err := openSource(spec, client)
	if err != nil && !resumed {
		return nil, processor.Permanent(err)
	} else if err != nil {
		return nil, err // it was there: perhaps a file system that is not mounted
	}
	bucket := snapshot.NewBucket(client, artifacts)
	writer, err := snapshot.NewWriter(ctx, bucket, job.ContentType, at.Position)
	if err != nil {
		return nil, errors.Join(err, src.Close())
	}
	return newSteps(ctx, job, p.Source, at, src, writer), nil
}

// apartFrom refuses a source that a backup would itself add to, without end.
func (s sourceSpec) apartFrom(artifacts, contentType string) error {
	own := contentType + "/"
	if s.S3 == nil || s.S3.Bucket != artifacts || !strings.HasPrefix(own, s.S3.Prefix) && !strings.HasPrefix(s.S3.Prefix, own) {
		return nil
	}
	return fmt.Errorf("source.s3: s3://%s/%s holds the snapshots themselves (%s)", s.S3.Bucket, s.S3.Prefix, own)
}

// parse reads the source strictly: a misspelt key must not back up something else.
func (p payload) parse() (sourceSpec, error) {
	var s sourceSpec
	if len(p.Source) == 0 {
		return s, errors.New(`needs a source: {"source": {"directory": "/path"}} or {"source": {"s3": {"bucket": "name", "prefix": "folder/"}}}`)
	}
	d := json.NewDecoder(strings.NewReader(string(p.Source)))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("source: %w", err)
	}
	switch {
	case (s.Directory == "") == (s.S3 == nil):
		return s, errors.New(`source: needs either "directory" or "s3"`)
	case s.S3 == nil && !filepath.IsAbs(s.Directory):
		return s, fmt.Errorf("source.directory: %q is not an absolute path", s.Directory)
	case s.S3 != nil && s.S3.Bucket == "":
		return s, errors.New("source.s3.bucket: is missing")
	case s.S3 != nil && s.S3.Prefix != "" && !strings.HasSuffix(s.S3.Prefix, "/"):
		return s, fmt.Errorf("source.s3.prefix: %q does not end in \"/\"", s.S3.Prefix)
	}
	return s, nil
}
