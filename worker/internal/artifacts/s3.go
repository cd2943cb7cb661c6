// Package artifacts keeps the objects that jobs put out: [processor.Artifacts] in S3.
package artifacts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/worker-tier/worker-tier/worker/internal/artifacts/keys"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// callTime bounds one call with its retries, of which the longest sends a part of 64 MiB.
const callTime = 5 * time.Minute

// S3 is the artifacts of a content type in a bucket.
type S3 struct {
	client      *s3.Client
	bucket      string
	contentType string
}

var _ processor.Artifacts = (*S3)(nil)

// New is the artifacts of a content type. The client does not log each answer without a checksum.
func New(cfg aws.Config, bucket, contentType string) *S3 {
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.DisableLogOutputChecksumValidationSkipped = true })
	return &S3{client, bucket, contentType}
}

// Put writes an object, in parts if it has more than one.
func (s *S3) Put(ctx context.Context, key string, body io.Reader) (processor.Object, error) {
	if err := keys.Check(key, s.contentType); err != nil {
		return processor.Object{}, err
	}
	digest := sha256.New()
	all := &parts{from: io.TeeReader(body, digest)}
	first, last, err := all.next()
	if err != nil {
		return processor.Object{}, s.failed("read what is written to", key, err)
	}
	if last {
		return s.putWhole(ctx, key, first)
	}
	object, err := s.putParts(ctx, key, first, all)
	object.SHA256 = hex.EncodeToString(digest.Sum(nil))
	return object, err
}

// putWhole sends the object with its SHA-256, which S3 verifies, and on the condition that there is none.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func (s *S3) putWhole(ctx context.Context, key string, content []byte) (processor.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	sum := sha256.Sum256(content)
	checksum := base64.StdEncoding.EncodeToString(sum[:])
	out, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(content), ChecksumSHA256: &checksum, IfNoneMatch: aws.String("*"),
	})
	object := processor.Object{Key: key, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
	switch {
	case taken(err):
		object.ETag, err = s.same(ctx, key, object.Size, checksum)
	case err == nil:
		object.ETag = aws.ToString(out.ETag)
	}
	return object, s.failed("write", key, err)
}

// putParts sends an object that has more than its first part. A write that failed leaves nothing behind for long: the
// bucket's rule removes what is incomplete.
func (s *S3) putParts(ctx context.Context, key string, part []byte, rest *parts) (processor.Object, error) {
	up, err := s.begin(ctx, key)
	if err != nil {
		return processor.Object{}, err
	}
	var sent []types.CompletedPart
	var size int64
	for last := false; ; {
		done, err := up.send(ctx, rest.number, part)
		if err != nil {
			return processor.Object{}, err
		}
		sent, size = append(sent, done), size+int64(len(part))
		if last {
			return up.complete(ctx, sent, size)
		}
		if rest.number == keys.MostParts {
			return processor.Object{}, s.failed("write", key, fmt.Errorf("it has more than %d bytes", size))
		}
		if part, last, err = rest.next(); err != nil {
			return processor.Object{}, s.failed("read what is written to", key, err)
		}
	}
}

// taken reports whether a write was refused because the key is taken. S3 answers 409 while another write of it ends.
func taken(err error) bool {
	switch status(err) {
	case http.StatusPreconditionFailed, http.StatusConflict:
		return true
	}
	return false
}

// same returns the ETag of what stands at key, or [processor.ErrDiffers] if size or checksum are others.
func (s *S3) same(ctx context.Context, key string, size int64, checksum string) (string, error) {
	head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return "", err
	}
	if aws.ToInt64(head.ContentLength) != size || aws.ToString(head.ChecksumSHA256) != checksum {
		return "", processor.ErrDiffers
	}
	return aws.ToString(head.ETag), nil
}

// Open reads an object from an offset.
func (s *S3) Open(ctx context.Context, key string, from int64) (io.ReadCloser, processor.Object, error) {
	if err := keys.CheckRead(key); err != nil {
		return nil, processor.Object{}, err
	}
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: &key}
	if from == 0 {
		in.ChecksumMode = types.ChecksumModeEnabled // the SDK verifies what is read
	} else {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", from))
	}
	r := newReader(ctx)
	out, err := s.client.GetObject(r.ctx, in)
	if err != nil {
		r.end()
		if status(err) == http.StatusRequestedRangeNotSatisfiable {
			return s.openEnd(ctx, key, from)
		}
		return nil, processor.Object{}, s.failed("read", key, err)
	}
	r.body = out.Body
	object := processor.Object{Key: key, Size: aws.ToInt64(out.ContentLength), ETag: aws.ToString(out.ETag), SHA256: whole(out.ChecksumSHA256)}
	if _, total, ranged := strings.Cut(aws.ToString(out.ContentRange), "/"); ranged { // "bytes 7-99/100"
		if object.Size, err = strconv.ParseInt(total, 10, 64); err != nil {
			return nil, processor.Object{}, s.failed("read", key, errors.Join(err, r.Close()))
		}
	}
	return r, object, nil
}

// openEnd is Open from the end, for which S3 has no range.
func (s *S3) openEnd(ctx context.Context, key string, from int64) (io.ReadCloser, processor.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return nil, processor.Object{}, s.failed("read", key, err)
	}
	object := processor.Object{Key: key, Size: aws.ToInt64(head.ContentLength), ETag: aws.ToString(head.ETag), SHA256: whole(head.ChecksumSHA256)}
	if from > object.Size {
		return nil, processor.Object{}, s.failed("read", key, fmt.Errorf("offset %d is behind its end at %d", from, object.Size))
	}
	return io.NopCloser(strings.NewReader("")), object, nil
}

// whole is S3's checksum in hexadecimal, or "" if it is one of parts ("…-3") or missing.
func whole(checksum *string) string {
	sum, err := base64.StdEncoding.DecodeString(aws.ToString(checksum))
	if err != nil {
		return ""
	}
	return hex.EncodeToString(sum)
}

// List gives the objects below prefix.
func (s *S3) List(ctx context.Context, prefix, after string) iter.Seq2[processor.Object, error] {
	return func(yield func(processor.Object, error) bool) {
		if err := keys.CheckRead(prefix); err != nil {
			yield(processor.Object{}, err)
			return
		}
		in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix}
		if after != "" {
			in.StartAfter = &after
		}
		for pages := s3.NewListObjectsV2Paginator(s.client, in); pages.HasMorePages(); {
			page, err := s.page(ctx, pages)
			if err != nil {
				yield(processor.Object{}, s.failed("list", prefix, err))
				return
			}
			for _, o := range page.Contents {
				if !yield(processor.Object{Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size), ETag: aws.ToString(o.ETag)}, nil) {
					return
				}
			}
		}
	}
}

func (s *S3) page(ctx context.Context, pages *s3.ListObjectsV2Paginator) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return pages.NextPage(ctx)
}

func (s *S3) failed(what, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case missing(err) && strings.HasPrefix(key, s.contentType+"/"), status(err) == http.StatusNotFound:
		return fmt.Errorf("%s s3://%s/%s: %w: %w", what, s.bucket, key, processor.ErrNoObject, err)
	}
	return fmt.Errorf("%s s3://%s/%s: %w", what, s.bucket, key, err)
}

// missing reports whether one of the content type's own objects is not there. S3 answers 403 to a role that may not list the
// whole bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
func missing(err error) bool {
	switch status(err) {
	case http.StatusNotFound, http.StatusForbidden:
		return true
	}
	return false
}

// status is the HTTP status of an SDK error, or 0.
func status(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}
