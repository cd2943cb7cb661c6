package artifacts

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/artifacts/keys"
)

// An object of the size that is promised fits into the most parts.
func TestPartsHoldTheLargestObject(t *testing.T) {
	var small, all int64
	for number := 1; number <= keys.MostParts; number++ {
		if size := int64(partSize(number)); number <= smallParts {
			small += size
		}
		all += int64(partSize(number))
	}
	if small < 10e9 || all < 500e9 {
		t.Errorf("%d bytes in small parts, %d in all", small, all)
	}
}

func TestPartsAreOfTheStream(t *testing.T) {
	for _, size := range []int{0, 1, smallPart - 1, smallPart, smallPart + 1, 3 * smallPart} {
		content := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
		p := &parts{from: &trickle{from: bytes.NewReader(content)}}
		var got []byte
		for last := false; !last; {
			var part []byte
			var err error
			if part, last, err = p.next(); err != nil {
				t.Fatal(err)
			}
			if !last && len(part) != smallPart || size > 0 && len(part) == 0 {
				t.Errorf("%d bytes: part %d has %d", size, p.number, len(part))
			}
			got = append(got, part...)
		}
		if !bytes.Equal(got, content) {
			t.Errorf("%d bytes: %d that differ", size, len(got))
		}
	}
}

// trickle gives fewer bytes than it is asked for.
type trickle struct {
	from io.Reader
	n    int
}

func (r *trickle) Read(into []byte) (int, error) {
	r.n++
	return r.from.Read(into[:min(len(into), 1+r.n*7919)])
}

// TestReaderEndsASilentAnswer: no byte for a minute is an error, however long a caller takes between two reads.
func TestReaderEndsASilentAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader(t.Context())
		r.body = &silent{first: strings.NewReader("a"), ctx: r.ctx}
		buffer := make([]byte, 1)
		if n, err := r.Read(buffer); n != 1 || err != nil {
			t.Fatalf("%d bytes, error %v", n, err)
		}
		time.Sleep(10 * silence)
		begun := time.Now()
		_, err := r.Read(buffer)
		if err == nil || !strings.Contains(err.Error(), "no byte came for 1m0s") || time.Since(begun) != silence {
			t.Errorf("after %s: error %v", time.Since(begun), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

// silent is an answer of which nothing comes after the first bytes.
type silent struct {
	first io.Reader
	ctx   context.Context
}

func (s *silent) Read(into []byte) (int, error) {
	if n, err := s.first.Read(into); !errors.Is(err, io.EOF) {
		return n, err
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func (s *silent) Close() error { return nil }
