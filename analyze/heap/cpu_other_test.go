//go:build !unix

package heap

func cpuSeconds() float64 { return 0 }
