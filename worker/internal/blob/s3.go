package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// S3 keeps objects in a bucket.
type S3 struct {
	client *s3.Client
	bucket string
}

// NewS3 returns the objects of a bucket.
func NewS3(client *s3.Client, bucket string) *S3 { return &S3{client, bucket} }

// Put writes an object once; it is durable when Put returns. The error wraps [ErrDiffers] where another content is there. The
// bucket's policy demands the condition.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func (s *S3) Put(ctx context.Context, key string, content []byte) error {
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(content), IfNoneMatch: aws.String("*"),
	})
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || answer.HTTPStatusCode() != http.StatusPreconditionFailed {
		return s.wrap("write", key, err)
	}
	there, err := s.Get(ctx, key) // perhaps an earlier try's, whose answer was lost
	if err == nil && !bytes.Equal(there, content) {
		err = s.wrap("write", key, ErrDiffers)
	}
	return err
}

// Get reads an object; its error wraps [ErrMissing] where there is none.
func (s *S3) Get(ctx context.Context, key string) ([]byte, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if _, ok := errors.AsType[*types.NoSuchKey](err); ok {
		return nil, s.wrap("read", key, ErrMissing)
	}
	if err != nil {
		return nil, s.wrap("read", key, err)
	}
	content, err := io.ReadAll(out.Body)
	return content, s.wrap("read", key, errors.Join(err, out.Body.Close()))
}

// Delete removes an object; one that is not there is no error.
func (s *S3) Delete(ctx context.Context, key string) error {
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key})
	return s.wrap("delete", key, err)
}

// List returns the keys that begin with prefix.
func (s *S3) List(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	for pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.wrap("list", prefix, err)
		}
		for _, object := range page.Contents {
			keys = append(keys, *object.Key)
		}
	}
	return keys, nil
}

// Answers asks for an object that need not exist: nil means that the bucket can be reached. Without the
// permission to list, S3 calls a missing object forbidden.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
func (s *S3) Answers(ctx context.Context, key string) error {
	_, err := s.Get(ctx, key)
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if errors.Is(err, ErrMissing) || ok && answer.HTTPStatusCode() == http.StatusForbidden {
		return nil
	}
	return err
}

func (s *S3) wrap(op, key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s s3://%s/%s: %w", op, s.bucket, key, err)
}
