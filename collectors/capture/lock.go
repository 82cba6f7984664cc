package capture

import (
	"errors"
	"fmt"
	"os"
)

// acquire takes the lock of a capture, or returns [ErrBusy]. It is the system's lock, which a killed process cannot leave behind, and
// goes with the file.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write to the folder: %w", err)
	}
	if err := tryLock(f); err != nil {
		f.Close()
		if !errors.Is(err, ErrBusy) {
			err = fmt.Errorf("cannot lock the folder: %w", err)
		}
		return nil, err
	}
	return f, nil
}
