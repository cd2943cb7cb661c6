package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Objects is where snapshots are kept.
type Objects interface {
	// PutOnce writes an object that is named by its content; it is durable when PutOnce returns. One that is there already is
	// verified and not sent again. The error wraps [ErrDiffers] where it is another one.
	PutOnce(ctx context.Context, key string, body []byte) (sent bool, err error)
	// Put writes an object; it is durable when Put returns.
	Put(ctx context.Context, key string, body []byte) error
	// Get reads an object.
	Get(ctx context.Context, key string) ([]byte, error)
	// List gives the keys that begin with prefix.
	List(ctx context.Context, prefix string) ([]string, error)
}

// ErrNoSuchObject is what [Objects] return for an object that does not exist.
var ErrNoSuchObject = errors.New("no such object")

// ErrDiffers is what [Objects] return where an object does not hold what its name says.
var ErrDiffers = errors.New("it does not hold what its name says: bring its version back, or delete it, so that it is written again")

// callTime bounds one call with its retries: a connection that says nothing must not hold up a drain.
const callTime = 2 * time.Minute

// Bucket is an S3 bucket as [Objects].
type Bucket struct {
	client *s3.Client
	name   string
}

var _ Objects = (*Bucket)(nil)

// NewClient makes a client that does not log each answer without a checksum: packs have their own.
func NewClient(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.DisableLogOutputChecksumValidationSkipped = true })
}

// NewBucket takes the client with its endpoint and credentials as they are.
func NewBucket(client *s3.Client, name string) *Bucket { return &Bucket{client: client, name: name} }

// lookFirst is the size from which a HEAD costs less than to send what is there already.
const lookFirst = 128 << 10

// PutOnce sends the object with its SHA-256, which S3 verifies, and on the condition that there is none. The bucket's policy
// demands the condition.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func (b *Bucket) PutOnce(ctx context.Context, key string, body []byte) (sent bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if len(body) >= lookFirst {
		if there, err := b.holds(ctx, key, body); there || err != nil {
			return false, err
		}
	}
	err = b.put(ctx, key, body, aws.String("*"))
	if status(err) != http.StatusPreconditionFailed {
		return err == nil, b.failed("write", key, err)
	}
	there, err := b.holds(ctx, key, body)
	if err == nil && !there {
		err = b.failed("write", key, errors.New("it was there, and is gone"))
	}
	return false, err
}

// holds reports whether the object is there, and is the same. A role that may not list the bucket gets 403 for an object
// that is not there, so that counts as no: the PUT that follows will tell.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
func (b *Bucket) holds(ctx context.Context, key string, body []byte) (bool, error) {
	head, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	switch status(err) {
	case http.StatusNotFound, http.StatusForbidden:
		return false, nil
	}
	if err != nil {
		return false, b.failed("look for", key, err)
	}
	same := aws.ToInt64(head.ContentLength) == int64(len(body))
	if same && head.ChecksumSHA256 != nil {
		same = *head.ChecksumSHA256 == checksum(body)
	} else if same { // written by something else
		there, err := b.Get(ctx, key)
		if err != nil {
			return false, err
		}
		same = bytes.Equal(there, body)
	}
	if !same {
		return false, b.failed("write", key, ErrDiffers)
	}
	return true, nil
}

// Put sends the object with its SHA-256, which S3 verifies.
func (b *Bucket) Put(ctx context.Context, key string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return b.failed("write", key, b.put(ctx, key, body, nil))
}

func (b *Bucket) put(ctx context.Context, key string, body []byte, ifNoneMatch *string) error {
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: &key, Body: bytes.NewReader(body), ChecksumSHA256: new(checksum(body)), IfNoneMatch: ifNoneMatch,
	})
	return err
}

// checksum is S3's spelling of the SHA-256.
func checksum(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Get reads a whole object.
func (b *Bucket) Get(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return nil, b.failed("read", key, err)
	}
	defer func() { _ = out.Body.Close() }()
	body, err := io.ReadAll(out.Body)
	return body, b.failed("read", key, err)
}

// List reads all pages.
func (b *Bucket) List(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, b.failed("list", prefix, err)
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	return keys, nil
}

func (b *Bucket) failed(what, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case status(err) == http.StatusNotFound:
		return fmt.Errorf("%s s3://%s/%s: %w: %w", what, b.name, key, ErrNoSuchObject, err)
	}
	return fmt.Errorf("%s s3://%s/%s: %w", what, b.name, key, err)
}

// status is the HTTP status of an SDK error, or 0.
func status(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

func hashOf(body []byte) Hash {
	sum := sha256.Sum256(body)
	return Hash(hex.EncodeToString(sum[:]))
}
