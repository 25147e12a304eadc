package sse

// A frame is a chunk of the chunked transfer coding (RFC 9112, section 7.1), so that streams over HTTP/1.1 send shared frames
// as they are. All other streams send the texts of the chunks.
//
// The size has four hexadecimal digits, or eight if four are not enough. Its place is reserved before the text is appended,
// and only the few large texts are moved.
const (
	chunkHead     = "0000\r\n"
	moreDigits    = "0000"
	chunkTail     = "\r\n"
	chunkOverhead = len(moreDigits) + len(chunkHead) + len(chunkTail)
	smallChunk    = 1<<16 - 1 // the largest size with four digits, in bytes

	// lastChunk ends a response. Without it, a reader knows that the connection was aborted.
	lastChunk = "0\r\n\r\n"
)

// beginChunk begins a chunk at the end of dst. The text follows, and endChunk.
func beginChunk(dst []byte) []byte { return append(dst, chunkHead...) }

// endChunk ends the chunk that begins at an index of dst.
func endChunk(dst []byte, begin int) []byte {
	size := len(dst) - begin - len(chunkHead)
	if size > smallChunk {
		dst = append(dst, moreDigits...)
		copy(dst[begin+len(moreDigits):], dst[begin:])
	}
	putSize(dst[begin:], size)
	return append(dst, chunkTail...)
}

// appendChunkHead appends what precedes the text of a chunk.
func appendChunkHead(dst []byte, size int) []byte {
	begin := len(dst)
	if size > smallChunk {
		dst = append(dst, moreDigits...)
	}
	dst = append(dst, chunkHead...)
	putSize(dst[begin:], size)
	return dst
}

// putSize puts the size of a chunk at its beginning.
func putSize(chunk []byte, size int) {
	digits := len(chunkHead) - len("\r\n")
	if size > smallChunk {
		digits += len(moreDigits)
	}
	for i := digits - 1; i >= 0; i-- {
		chunk[i] = "0123456789abcdef"[size&0xf]
		size >>= 4
	}
}

// cutChunk returns the text of the first chunk, and the chunks after it. Appending to the text copies it.
func cutChunk(chunks []byte) (text, rest []byte) {
	if len(chunks) == 0 {
		return nil, nil
	}
	size, begin := 0, 0
	for ; chunks[begin] != '\r'; begin++ {
		digit := int(chunks[begin] - '0')
		if digit > 9 {
			digit = int(chunks[begin]-'a') + 10
		}
		size = size<<4 | digit
	}
	begin += len("\r\n")
	end := begin + size
	return chunks[begin:end:end], chunks[end+len(chunkTail):]
}

// joinChunks moves the texts of all chunks into one chunk, at the end of their memory.
func joinChunks(chunks []byte) []byte {
	var texts [][]byte
	size := 0
	for rest := chunks; len(rest) > 0; {
		var text []byte
		text, rest = cutChunk(rest)
		texts = append(texts, text)
		size += len(text)
	}
	if len(texts) < 2 {
		return chunks
	}
	begin := len(chunks) - len(chunkTail)
	for i := len(texts) - 1; i >= 0; i-- { // the last one first: texts move towards the end
		begin -= len(texts[i])
		copy(chunks[begin:], texts[i])
	}
	head := appendChunkHead(make([]byte, 0, chunkOverhead), size)
	begin -= len(head)
	copy(chunks[begin:], head)
	return chunks[begin:]
}
