package capture_test

import (
	"os/signal"
	"syscall"
)

const canLimitFileSize = true

// limitFileSize makes every write past n bytes of a file fail, as a full disk does.
func limitFileSize(n uint64) {
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
		panic(err)
	}
}
