// Package keys holds the rules for keys and parts that all implementations of [processor.Artifacts] share.
package keys

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// longest is the longest key of S3, in bytes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
const longest = 1024

// Bounds of objects in parts, the sizes in bytes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const (
	LeastPart = 5 << 20 // of all parts but the last
	MostParts = 10_000
)

// Check says what is wrong with a key that a job of a content type writes under.
func Check(key, contentType string) error {
	switch name, own := strings.CutPrefix(key, contentType+"/"); {
	case !utf8.ValidString(key):
		return fmt.Errorf("key %q: is not UTF-8", key)
	case len(key) > longest:
		return fmt.Errorf("key %.60q…: has %d bytes, want at most %d", key, len(key), longest)
	case !own || name == "":
		return fmt.Errorf("key %q: want one below %s/", key, contentType)
	}
	return nil
}

// CheckRead says what is wrong with a key or prefix that a job reads. Which types it may read is for its permissions.
func CheckRead(key string) error {
	if contentType, _, found := strings.Cut(key, "/"); !found || contentType == "" || !utf8.ValidString(key) {
		return fmt.Errorf("key %q: want one that begins with a content type and /", key)
	}
	return nil
}

// CheckPart says what is wrong with the number of a part.
func CheckPart(key string, number int) error {
	if number < 1 || number > MostParts {
		return fmt.Errorf("write %s: part %d, want 1 to %d", key, number, MostParts)
	}
	return nil
}
