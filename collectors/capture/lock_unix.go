//go:build unix && !solaris && !aix

package capture

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the lock without waiting for it.
func tryLock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return ErrBusy
	case errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.ENOLCK):
		return nil // a network file system without locks: go on without
	}
	return err
}
