package budget

import (
	"io"
	"runtime"
)

// A Content-Length alone costs firstBody; the rest is allocated when so much has arrived.
const (
	firstBody  = 4 << 10
	secondBody = 64 << 10
	bodyPiece  = 64 << 10 // is read at once
)

// Read reads a body of a size, or of unknown size if size is negative. It reserves memory as bytes arrive, twice their
// size: buffers that became too small remain until the garbage collector frees them.
func (r *Reservation) Read(body io.Reader, size int64) (read []byte, err error) {
	for next := firstBody; ; {
		if size >= 0 {
			next = min(next, int(size)+1) // one more byte to see the end
		}
		if err := r.Hold(int64(2 * next)); err != nil {
			return nil, err
		}
		read = append(make([]byte, 0, next), read...)
		for len(read) < cap(read) {
			n, err := body.Read(read[len(read):min(cap(read), len(read)+bodyPiece)])
			read = read[:len(read)+n]
			if len(read) > SmallBody {
				runtime.Gosched() // many large bodies must not delay other requests
			}
			if err == io.EOF {
				return read, nil
			}
			if err != nil {
				return nil, err
			}
		}
		switch {
		case cap(read) < secondBody:
			next = secondBody
		case size >= 0:
			next = int(size) + 1
		default:
			next = 2 * cap(read)
		}
		next = max(next, cap(read)+firstBody)
	}
}
