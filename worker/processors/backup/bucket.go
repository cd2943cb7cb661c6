package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/worker-tier/worker-tier/worker/internal/snapshot"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// requestTime bounds one request and the reading of its answer, at most a pack: a connection that says
// nothing must not hold up a job.
const requestTime = 5 * time.Minute

// bucket is the objects under a prefix as source. General purpose buckets list their keys bytewise, as a
// walk needs it; directory buckets do not.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ListingKeysUsingAPIs.html
type bucket struct {
	client *s3.Client
	name   string
	prefix string // "" or ends in "/"
}

func (b *bucket) Close() error { return nil }

func (b *bucket) stat(ctx context.Context, path snapshot.Path) (snapshot.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	head, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: b.key(path)})
	if err != nil {
		return snapshot.Entry{}, err
	}
	return entryOf(path, aws.ToInt64(head.ContentLength), head.LastModified), nil
}

// open reads the object's current version, or the expected one. An object that does not fit into a pack
// is read pack by pack.
func (b *bucket) open(ctx context.Context, e snapshot.Entry, offset int64, expected string) (content, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	in := &s3.GetObjectInput{Bucket: &b.name, Key: b.key(e.Path)}
	if expected != "" {
		in.IfMatch = &expected
	}
	if e.Size > snapshot.MaxPack {
		in.Range = new(fmt.Sprintf("bytes=%d-%d", offset, offset+snapshot.MaxPack-1))
	}
	out, err := b.client.GetObject(ctx, in)
	if err != nil {
		cancel()
		return content{}, err
	}
	size := aws.ToInt64(out.ContentLength)
	if _, whole, ranged := strings.Cut(aws.ToString(out.ContentRange), "/"); ranged { // "bytes 0-99/1234"
		if size, err = strconv.ParseInt(whole, 10, 64); err != nil {
			cancel()
			return content{}, errors.Join(err, out.Body.Close())
		}
	}
	return content{
		ReadCloser: body{out.Body, cancel},
		entry:      entryOf(e.Path, size, out.LastModified),
		version:    aws.ToString(out.ETag),
		changed:    func() bool { return false }, // an answer is of one version
	}, nil
}

// body ends its request when it is closed.
type body struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b body) Close() error {
	b.cancel()
	return b.ReadCloser.Close()
}

func (b *bucket) problem(err error) (string, error) {
	switch statusOf(err) {
	case http.StatusNotFound:
		return "vanished before it was read", nil
	case http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
		return errChanged.Error(), nil
	case http.StatusForbidden: // not permitted, or archived
		var api smithy.APIError
		if errors.As(err, &api) {
			return "cannot be read: " + api.ErrorCode(), nil
		}
	}
	return "", b.failed(err)
}

func (b *bucket) walk(after snapshot.Path) walk {
	in := &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &b.prefix}
	if after != "" {
		in.StartAfter = b.key(after)
	}
	return &bucketWalk{bucket: b, pages: s3.NewListObjectsV2Paginator(b.client, in)}
}

type bucketWalk struct {
	*bucket
	pages *s3.ListObjectsV2Paginator
	page  []snapshot.Entry
}

func (w *bucketWalk) next(ctx context.Context) (snapshot.Entry, error) {
	for len(w.page) == 0 {
		if !w.pages.HasMorePages() {
			return snapshot.Entry{}, io.EOF
		}
		page, err := w.pages.NextPage(ctx)
		if statusOf(err) == http.StatusNotFound {
			return snapshot.Entry{}, processor.Permanent(w.failed(err))
		}
		if err != nil {
			return snapshot.Entry{}, w.failed(err)
		}
		for _, o := range page.Contents {
			path := strings.TrimPrefix(aws.ToString(o.Key), w.prefix)
			if path != "" { // an object that stands for the folder itself
				w.page = append(w.page, entryOf(snapshot.Path(path), aws.ToInt64(o.Size), o.LastModified))
			}
		}
	}
	e := w.page[0]
	w.page = w.page[1:]
	return e, nil
}

// entryOf takes an object as a file, but for the empty ones that consoles make for folders.
func entryOf(path snapshot.Path, size int64, modified *time.Time) snapshot.Entry {
	e := snapshot.Entry{Path: path, Kind: snapshot.File, Size: size, Modified: aws.ToTime(modified)}
	if path.IsFolder() && size == 0 {
		e.Kind = snapshot.Dir
	}
	return e
}

func (b *bucket) key(path snapshot.Path) *string { return new(b.prefix + string(path)) }

func (b *bucket) failed(err error) error {
	return fmt.Errorf("source s3://%s/%s: %w", b.name, b.prefix, err)
}

// statusOf is the HTTP status of an SDK error, or 0.
func statusOf(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}
