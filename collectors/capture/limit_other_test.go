//go:build !linux

package capture_test

const canLimitFileSize = false

func limitFileSize(uint64) {}
