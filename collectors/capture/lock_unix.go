//go:build unix && !solaris && !aix

package capture

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// acquire takes the lock of a capture. It is the kernel's lock, which a killed process cannot leave behind.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write to the folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrBusy
		}
		if errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.ENOLCK) {
			return os.OpenFile(path, os.O_RDWR, 0o600) // a network file system without locks: go on without
		}
		return nil, fmt.Errorf("cannot lock the folder: %w", err)
	}
	return f, nil
}
