package processor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
)

// Artifacts are the objects that a job puts out, in the tier's bucket. A content type owns the keys below "<contentType>/".
// It may read those of the types under its "reads:". A key is UTF-8 of at most 1,024 bytes.
//
// An object is written once and never changes. A second write of the same content under the same key does nothing. Another
// content is an [ErrDiffers]: such keys belong to the position of a step and the job's epoch, or to the content's digest.
type Artifacts interface {
	// Put writes an object of what body holds. It is durable when Put returns. More than 8 MiB are sent in parts, of which at
	// most one is in memory: 64 MiB for an object over 10 GB. An object has at most 500 GB.
	Put(ctx context.Context, key string, body io.Reader) (Object, error)
	// Open reads an object from an offset in bytes, which may be its size. The error wraps [ErrNoObject] if there is none. The
	// caller closes the reader. A reader that gets no byte for a minute fails.
	Open(ctx context.Context, key string, from int64) (io.ReadCloser, Object, error)
	// List gives the objects whose keys begin with prefix and come after a key, bytewise. prefix holds the content type.
	// An error is the last element.
	List(ctx context.Context, prefix, after string) iter.Seq2[Object, error]
	// Upload begins an object that several steps write, or goes on with one. state is what [Upload.State] returned, from the
	// cursor. nil begins a new one. What is begun and never completed is removed after seven days.
	Upload(ctx context.Context, key string, state json.RawMessage) (Upload, error)
}

// Upload is an object that is written in parts, by one process after the other.
type Upload interface {
	// Part sends a part, from 1 to 10,000. It is durable when Part returns. All parts but the last have at least 5 MiB. A part
	// that is sent again takes the place of the first. After the upload was completed it does nothing. The error wraps
	// [ErrNoUpload] if the upload was removed: the processor begins a new one.
	Part(ctx context.Context, number int, body []byte) error
	// State is what another process needs to go on: some hundred bytes, whatever the number of parts.
	State() json.RawMessage
	// Complete makes the object of all parts, in the order of their numbers. It may be called again. The errors are those of
	// Part and of [Artifacts.Put].
	Complete(ctx context.Context) (Object, error)
}

// Object is one of [Artifacts].
type Object struct {
	Key    string
	Size   int64  // bytes
	SHA256 string // of the content, hexadecimal; "": not known, because it came in parts or from a list
	ETag   string // changes with the content
}

var (
	// ErrNoObject is wrapped by the error about an object that does not exist.
	ErrNoObject = errors.New("there is no such object")
	// ErrDiffers is wrapped by the error about a key under which another content stands.
	ErrDiffers = errors.New("an object with another content stands there")
	// ErrNoUpload is wrapped by the error about an upload that was removed.
	ErrNoUpload = errors.New("there is no such upload")
)

// errNoArtifacts is the error of a job in a test that gives it none.
var errNoArtifacts = errors.New("the job was given no artifacts: in a test, set Services.Artifacts")

type noArtifacts struct{}

func (noArtifacts) Put(context.Context, string, io.Reader) (Object, error) {
	return Object{}, errNoArtifacts
}

func (noArtifacts) Open(context.Context, string, int64) (io.ReadCloser, Object, error) {
	return nil, Object{}, errNoArtifacts
}

func (noArtifacts) List(context.Context, string, string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) { yield(Object{}, errNoArtifacts) }
}

func (noArtifacts) Upload(context.Context, string, json.RawMessage) (Upload, error) {
	return nil, errNoArtifacts
}
