package sqlite

import (
	"fmt"
	"sync"
	"unsafe"

	"modernc.org/libc"
	code "modernc.org/sqlite/lib"
)

// registerVFS registers a VFS for the writing connection and returns its name. It is SQLite's own VFS, except that the
// write-ahead log has a walBuffer. It requires synchronous=FULL: otherwise, other connections would see a transaction before
// the buffer is written.
var registerVFS = sync.OnceValues(func() (name string, err error) {
	name = "pathsync"
	tls := libc.NewTLS()
	defer tls.Close()
	system := code.Xsqlite3_vfs_find(tls, 0)
	if system == 0 {
		return "", fmt.Errorf("SQLite has no default VFS")
	}
	systemVFS = at[code.Tsqlite3_vfs](system)
	systemFileSize = (uintptr(systemVFS.FszOsFile) + 7) &^ 7
	memory := code.Xsqlite3_malloc(tls, int32(unsafe.Sizeof(*systemVFS))) // never freed
	if memory == 0 {
		return "", fmt.Errorf("no memory for a VFS")
	}
	own := at[code.Tsqlite3_vfs](memory)
	*own = *systemVFS
	if own.FzName, err = libc.CString(name); err != nil {
		return "", err
	}
	own.FszOsFile = int32(systemFileSize + unsafe.Sizeof(extra{}))
	own.FxOpen = pointerTo(openFile)
	if rc := code.Xsqlite3_vfs_register(tls, memory, 0); rc != code.SQLITE_OK {
		return "", fmt.Errorf("SQLite refused a VFS with result code %d", rc)
	}
	return name, nil
})

var (
	systemVFS      *code.Tsqlite3_vfs
	systemFileSize uintptr // of the system VFS's structure of a file, aligned
)

// extra follows the system VFS's structure of an open file, in SQLite's memory. It has no pointers into Go's memory.
type extra struct {
	methods code.Tsqlite3_io_methods // of this file
	system  code.Tsqlite3_io_methods // of the system VFS
	other   uintptr                  // of a database: the file of its write-ahead log, 0 while that is closed; and vice versa
	buffer  walBuffer                // of a write-ahead log
}

func extraOf(file uintptr) *extra { return at[extra](file + systemFileSize) }

func openFile(tls *libc.TLS, _, name, file uintptr, flags int32, outFlags uintptr) int32 {
	open := function[func(tls *libc.TLS, vfs, name, file uintptr, flags int32, outFlags uintptr) int32](systemVFS.FxOpen)
	rc := open(tls, address(systemVFS), name, file, flags, outFlags)
	if rc != code.SQLITE_OK || flags&(code.SQLITE_OPEN_MAIN_DB|code.SQLITE_OPEN_WAL) == 0 {
		return rc
	}
	f, x := at[code.Tsqlite3_file](file), extraOf(file)
	*x = extra{system: *at[code.Tsqlite3_io_methods](f.FpMethods)}
	x.methods = x.system
	if flags&code.SQLITE_OPEN_WAL != 0 {
		replaceMethods(&x.methods)
		x.other = code.Xsqlite3_database_file_object(tls, name)
		extraOf(x.other).other = file
	} else {
		x.methods.FxShmLock = pointerTo(lockShm)
	}
	f.FpMethods = address(&x.methods)
	return rc
}

// lockShm discards the buffer at the end of a write transaction. After a commit it is empty, because a commit ends with a
// sync. After a rollback it may have pages, which must not be written when another process has the write lock.
func lockShm(tls *libc.TLS, file uintptr, offset, n, flags int32) int32 {
	x := extraOf(file)
	if x.other != 0 && offset == code.WAL_WRITE_LOCK && flags == code.SQLITE_SHM_UNLOCK|code.SQLITE_SHM_EXCLUSIVE {
		extraOf(x.other).buffer.discard()
	}
	return function[func(tls *libc.TLS, file uintptr, offset, n, flags int32) int32](x.system.FxShmLock)(tls, file, offset, n, flags)
}

// at converts an address in SQLite's memory, which Go's collector does not move or free, to a pointer.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

// pointerTo and function convert between a function and its address, in the way of the translated SQLite. The function is
// declared at the top level, not a closure.
func pointerTo[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

func function[F any](address uintptr) F { return *(*F)(unsafe.Pointer(&address)) }
