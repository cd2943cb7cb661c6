package artifacts

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/worker-tier/worker-tier/internal/plainjson"
	"github.com/worker-tier/worker-tier/worker/internal/artifacts/keys"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// upload is an object in parts. S3 keeps the list of them.
type upload struct {
	s   *S3
	key string
	id  string
}

// uploadState is what [upload.State] returns.
type uploadState struct {
	Key    string `json:"key"`
	Upload string `json:"upload"`
}

// Upload begins an object in parts, or goes on with it.
func (s *S3) Upload(ctx context.Context, key string, state json.RawMessage) (processor.Upload, error) {
	if err := keys.Check(key, s.contentType); err != nil {
		return nil, err
	}
	if state == nil {
		return s.begin(ctx, key)
	}
	var at uploadState
	if err := json.Unmarshal(state, &at); err != nil {
		return nil, fmt.Errorf("state of the upload of %s: %w", key, err)
	}
	if at.Key != key || at.Upload == "" {
		return nil, fmt.Errorf("state of the upload of %s: is that of %q", key, at.Key)
	}
	return &upload{s, key, at.Upload}, nil
}

func (s *S3) begin(ctx context.Context, key string) (*upload, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	out, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &s.bucket, Key: &key, ChecksumAlgorithm: types.ChecksumAlgorithmSha256})
	if err != nil {
		return nil, s.failed("write", key, err)
	}
	return &upload{s, key, aws.ToString(out.UploadId)}, nil
}

// State is the name of the upload.
func (u *upload) State() json.RawMessage {
	text, _ := plainjson.Marshal(uploadState{u.key, u.id}) // two texts
	return text
}

// Part sends a part.
func (u *upload) Part(ctx context.Context, number int, body []byte) error {
	if err := keys.CheckPart(u.key, number); err != nil {
		return err
	}
	_, err := u.send(ctx, number, body)
	if status(err) == http.StatusNotFound {
		_, err = u.completed(ctx)
	}
	return err
}

func (u *upload) send(ctx context.Context, number int, body []byte) (types.CompletedPart, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	sum := sha256.Sum256(body)
	checksum := base64.StdEncoding.EncodeToString(sum[:])
	n := int32(number) //nolint:gosec // at most keys.MostParts
	out, err := u.s.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &u.s.bucket, Key: &u.key, UploadId: &u.id, PartNumber: &n, Body: bytes.NewReader(body), ChecksumSHA256: &checksum,
	})
	if err != nil {
		return types.CompletedPart{}, u.s.failed(fmt.Sprintf("write part %d of", number), u.key, err)
	}
	return types.CompletedPart{PartNumber: &n, ETag: out.ETag, ChecksumSHA256: &checksum}, nil
}

// Complete makes the object of the parts that S3 has.
func (u *upload) Complete(ctx context.Context) (processor.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var sent []types.CompletedPart
	var size int64
	pages := s3.NewListPartsPaginator(u.s.client, &s3.ListPartsInput{Bucket: &u.s.bucket, Key: &u.key, UploadId: &u.id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if status(err) == http.StatusNotFound {
			return u.completed(ctx)
		}
		if err != nil {
			return processor.Object{}, u.s.failed("list the parts of", u.key, err)
		}
		for _, p := range page.Parts {
			sent = append(sent, types.CompletedPart{PartNumber: p.PartNumber, ETag: p.ETag, ChecksumSHA256: p.ChecksumSHA256})
			size += aws.ToInt64(p.Size)
		}
	}
	if len(sent) == 0 {
		return processor.Object{}, u.s.failed("write", u.key, errors.New("no part was sent"))
	}
	return u.complete(ctx, sent, size)
}

// complete makes the object, on the condition that there is none.
func (u *upload) complete(ctx context.Context, sent []types.CompletedPart, size int64) (processor.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	slices.SortFunc(sent, func(a, b types.CompletedPart) int { return cmp.Compare(*a.PartNumber, *b.PartNumber) })
	out, err := u.s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.s.bucket, Key: &u.key, UploadId: &u.id, IfNoneMatch: aws.String("*"), MultipartUpload: &types.CompletedMultipartUpload{Parts: sent},
	})
	object := processor.Object{Key: u.key, Size: size}
	switch {
	case status(err) == http.StatusNotFound: // an earlier try, whose answer was lost
		return u.completed(ctx)
	case taken(err):
		object.ETag, err = u.s.same(ctx, u.key, size, composite(sent))
	case err == nil:
		object.ETag = aws.ToString(out.ETag)
	}
	return object, u.s.failed("write", u.key, err)
}

// composite is S3's checksum of an object in parts.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
func composite(sent []types.CompletedPart) string {
	digest := sha256.New()
	for _, p := range sent {
		sum, _ := base64.StdEncoding.DecodeString(aws.ToString(p.ChecksumSHA256)) // S3's own
		digest.Write(sum)
	}
	return fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(digest.Sum(nil)), len(sent))
}

// completed returns the object of an upload that is gone: it was completed, unless there is no object.
func (u *upload) completed(ctx context.Context) (processor.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	head, err := u.s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &u.s.bucket, Key: &u.key})
	if missing(err) {
		return processor.Object{}, fmt.Errorf("write s3://%s/%s: %w", u.s.bucket, u.key, processor.ErrNoUpload)
	}
	if err != nil {
		return processor.Object{}, u.s.failed("look for", u.key, err)
	}
	return processor.Object{Key: u.key, Size: aws.ToInt64(head.ContentLength), ETag: aws.ToString(head.ETag)}, nil
}
