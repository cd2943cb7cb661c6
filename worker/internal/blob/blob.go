// Package blob keeps the payloads and cursors that are too large for a job's item: in S3, and in memory
// for tests and the simulator. What is written under a name never changes.
package blob

import "errors"

// ErrMissing says that there is no object of that name.
var ErrMissing = errors.New("there is no such object")

// ErrDiffers says that another content was written under the same name.
var ErrDiffers = errors.New("another content is there: what is written under a name never changes")
