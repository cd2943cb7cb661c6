//go:build !linux

package slot

func offerToKernel() {}
