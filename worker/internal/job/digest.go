package job

import (
	"crypto/sha256"
	"encoding/base64"
)

// digest is a short name for a long text.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}
