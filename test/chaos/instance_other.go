//go:build !linux

package main

import (
	"errors"
	"os"

	"github.com/worker-tier/worker-tier/test/localec2"
)

var errLinux = errors.New("this needs Linux")

func temporary(*localec2.Instance) string { return "" }
func fill(string) error                   { return errLinux }
func free(string) error                   { return errLinux }
func unmountAll(string) error             { return nil }
func shrink(*os.File) error               { return errLinux }
