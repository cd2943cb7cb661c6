package backup

import (
	"context"
	"errors"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/worker-tier/worker-tier/worker/internal/snapshot"
)

// source is what is backed up. It may be used by several goroutines.
type source interface {
	// walk gives the entries whose path is bytewise greater than after, in that order.
	walk(after snapshot.Path) walk
	// stat finds one file.
	stat(ctx context.Context, path snapshot.Path) (snapshot.Entry, error)
	// open opens a file at an offset; what is not for this pack need not be readable. It fails with
	// errChanged if version is not empty and not the file's any more.
	open(ctx context.Context, e snapshot.Entry, offset int64, version string) (content, error)
	// problem says in words what an error of stat, open or a read means for the one file; it returns
	// the error instead if more than that file is concerned.
	problem(err error) (string, error)
	Close() error
}

var errChanged = errors.New("changed while it was read")

// walk is a walk through a source; it is used by one goroutine.
type walk interface {
	// next is the next entry, or io.EOF. Only an error of the source as a whole is returned; that of
	// one entry is its Problem.
	next(ctx context.Context) (snapshot.Entry, error)
}

// content is an opened file.
type content struct {
	io.ReadCloser
	entry   snapshot.Entry
	version string      // differs when the contents do
	changed func() bool // since it was opened
}

func openSource(spec sourceSpec, client *s3.Client) (source, error) {
	if spec.S3 != nil {
		return &bucket{client: client, name: spec.S3.Bucket, prefix: spec.S3.Prefix}, nil
	}
	return openDirectory(spec.Directory)
}
