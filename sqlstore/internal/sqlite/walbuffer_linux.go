package sqlite

import (
	"unsafe"

	"modernc.org/libc"
	code "modernc.org/sqlite/lib"
)

// walBufferSize is the most bytes that SQLite's VFS writes at once.
const walBufferSize = 0x1ffff

// walBuffer joins the writes to the write-ahead log of one connection. SQLite writes the header of each page and the page
// separately: about 140 system calls for a transaction of 32 batches, which are 40 % of its processor time. The buffer makes
// one of up to 31 pages. It is written before anything but another write happens to the file.
//
// After the first sync, which includes the directory, the file is synced with fdatasync: a log that is written again from
// its beginning has the same size, so its metadata need not be written.
type walBuffer struct {
	memory uintptr // walBufferSize bytes of SQLite's memory; 0 before the first write
	offset int64   // in the file
	length int32
	failed int32 // result code of the write that failed in this transaction, which would lack pages
	synced bool
}

type (
	closeFunc    = func(tls *libc.TLS, file uintptr) int32
	transferFunc = func(tls *libc.TLS, file, data uintptr, n int32, offset int64) int32
	truncateFunc = func(tls *libc.TLS, file uintptr, size int64) int32
	syncFunc     = func(tls *libc.TLS, file uintptr, flags int32) int32
	fileSizeFunc = func(tls *libc.TLS, file, size uintptr) int32
)

func replaceMethods(m *code.Tsqlite3_io_methods) {
	m.FxClose, m.FxRead, m.FxWrite = pointerTo(closeWAL), pointerTo(readWAL), pointerTo(writeWAL)
	m.FxTruncate, m.FxSync, m.FxFileSize = pointerTo(truncateWAL), pointerTo(syncWAL), pointerTo(sizeOfWAL)
}

// discard forgets what was not written and the failure of the transaction.
func (b *walBuffer) discard() { b.length, b.failed = 0, code.SQLITE_OK }

// flush writes the buffer to the file.
func (x *extra) flush(tls *libc.TLS, file uintptr) int32 {
	b := &x.buffer
	if b.length > 0 && b.failed == code.SQLITE_OK {
		b.failed = function[transferFunc](x.system.FxWrite)(tls, file, b.memory, b.length, b.offset)
		b.length = 0
	}
	return b.failed
}

func writeWAL(tls *libc.TLS, file, data uintptr, n int32, offset int64) int32 {
	x := extraOf(file)
	b := &x.buffer
	if b.memory == 0 {
		if b.memory = code.Xsqlite3_malloc(tls, walBufferSize); b.memory == 0 {
			return code.SQLITE_IOERR_NOMEM
		}
	}
	if offset != b.offset+int64(b.length) || b.length+n > walBufferSize || b.failed != code.SQLITE_OK {
		if rc := x.flush(tls, file); rc != code.SQLITE_OK {
			return rc
		}
	}
	if b.length == 0 {
		b.offset = offset
	}
	// A page has 64 KiB at most, so it fits.
	copy(unsafe.Slice(at[byte](b.memory+uintptr(b.length)), n), unsafe.Slice(at[byte](data), n))
	b.length += n
	return code.SQLITE_OK
}

func readWAL(tls *libc.TLS, file, data uintptr, n int32, offset int64) int32 {
	x := extraOf(file)
	if rc := x.flush(tls, file); rc != code.SQLITE_OK {
		return rc
	}
	return function[transferFunc](x.system.FxRead)(tls, file, data, n, offset)
}

func truncateWAL(tls *libc.TLS, file uintptr, size int64) int32 {
	x := extraOf(file)
	if rc := x.flush(tls, file); rc != code.SQLITE_OK {
		return rc
	}
	return function[truncateFunc](x.system.FxTruncate)(tls, file, size)
}

func sizeOfWAL(tls *libc.TLS, file, size uintptr) int32 {
	x := extraOf(file)
	if rc := x.flush(tls, file); rc != code.SQLITE_OK {
		return rc
	}
	return function[fileSizeFunc](x.system.FxFileSize)(tls, file, size)
}

func syncWAL(tls *libc.TLS, file uintptr, flags int32) int32 {
	x := extraOf(file)
	if rc := x.flush(tls, file); rc != code.SQLITE_OK {
		return rc
	}
	if !x.buffer.synced {
		rc := function[syncFunc](x.system.FxSync)(tls, file, flags)
		x.buffer.synced = rc == code.SQLITE_OK
		return rc
	}
	if libc.Xfdatasync(tls, at[code.TunixFile](file).Fh) != 0 {
		return code.SQLITE_IOERR_FSYNC
	}
	return code.SQLITE_OK
}

// closeWAL discards the buffer, since no transaction is open.
func closeWAL(tls *libc.TLS, file uintptr) int32 {
	x := extraOf(file)
	code.Xsqlite3_free(tls, x.buffer.memory)
	extraOf(x.other).other = 0
	return function[closeFunc](x.system.FxClose)(tls, file)
}
