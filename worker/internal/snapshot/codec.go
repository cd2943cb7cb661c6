package snapshot

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// maxSegment bounds what a segment decompresses to, in bytes: MaxEntries paths of 4 KiB, as JSON.
const maxSegment = 64 << 20

// The coders hold some megabytes each, so a process has one of each. With these options and an
// in-memory input the constructors cannot fail.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(MaxPack))
		if err != nil {
			panic(err)
		}
		return e
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxSegment))
		if err != nil {
			panic(err)
		}
		return d
	})
)

func compress(content []byte) []byte {
	return encoder().EncodeAll(content, make([]byte, 0, len(content)/2))
}

// decompress verifies that stored is what was written under the name want.
func decompress(stored []byte, want Hash) ([]byte, error) {
	if got := hashOf(stored); got != want {
		return nil, fmt.Errorf("is damaged: its SHA-256 is %s", got)
	}
	content, err := decoder().DecodeAll(stored, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot be decompressed: %w", err)
	}
	return content, nil
}
