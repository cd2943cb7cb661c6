package artifacts

import (
	"errors"
	"io"
)

// Sizes of the parts that Put sends: small ones for the first 10 GB, then such that 500 GB fit into the most parts.
const (
	smallPart  = 8 << 20
	largePart  = 64 << 20
	smallParts = 1_250
)

// partSize is the size of a part, from 1, in bytes.
func partSize(number int) int {
	if number <= smallParts {
		return smallPart
	}
	return largePart
}

// parts reads a stream in parts. It looks one byte ahead, so that the last part is known as such and holds something.
type parts struct {
	from   io.Reader
	number int // of the last one read
	buffer []byte
	ahead  []byte // the byte after it, if there is one
}

// next reads the next part; last: nothing follows. The slice is valid until the next call.
func (p *parts) next() (part []byte, last bool, err error) {
	p.number++
	size := partSize(p.number)
	if p.number == 1 { // most objects are small
		p.buffer, err = io.ReadAll(io.LimitReader(p.from, int64(size)+1))
		return p.cut(len(p.buffer), size, err)
	}
	if cap(p.buffer) < size+1 {
		p.buffer = make([]byte, size+1)
	}
	p.buffer = p.buffer[:size+1]
	n := copy(p.buffer, p.ahead)
	read, err := io.ReadFull(p.from, p.buffer[n:])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return p.cut(n+read, size, err)
}

// cut is the part of the first n bytes of the buffer.
func (p *parts) cut(n, size int, err error) (part []byte, last bool, _ error) {
	if err != nil || n <= size {
		return p.buffer[:n], true, err
	}
	p.ahead = append(p.ahead[:0], p.buffer[size])
	return p.buffer[:size], false, nil
}
