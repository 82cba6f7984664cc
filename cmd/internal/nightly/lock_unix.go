//go:build unix && !aix && (!solaris || illumos)

package nightly

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the lock, which the system gives back when the process ends, however it ends.
func tryLock(f *os.File) (held bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
