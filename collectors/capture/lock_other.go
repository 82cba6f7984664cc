//go:build !unix || solaris || aix

package capture

import (
	"fmt"
	"os"
)

// acquire makes the lock file, which shows whether the folder can be written to. There is no lock on this system.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write to the folder: %w", err)
	}
	return f, nil
}
