package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// rootVolume compares the root volume with the size in GiB that was asked for. A launch template that names another root device
// than the image's leaves the image's volume as it is, small and unencrypted, and attaches a second one. An instance does not see
// whether a volume is encrypted, so that the size stands for both.
func rootVolume(asked int) (string, error) {
	var root unix.Stat_t
	if err := unix.Stat("/", &root); err != nil {
		return "", fmt.Errorf("find the root volume: %w", err)
	}
	device := uint64(root.Dev) //nolint:unconvert // other systems have other types
	return compareVolume("/sys", fmt.Sprintf("%d:%d", unix.Major(device), unix.Minor(device)), asked)
}

// compareVolume looks up the disk that holds a device, major and minor number, in the folder where sysfs is mounted.
func compareVolume(sys, device string, asked int) (string, error) {
	disk, err := filepath.EvalSymlinks(filepath.Join(sys, "dev", "block", device))
	if err != nil { // an overlay or a network file system
		return "the root is not a disk of its own", nil
	}
	for below(disk) != "" {
		disk = below(disk)
	}
	if !isEBS(disk) {
		return "the root volume is not of EBS", nil
	}
	text, err := os.ReadFile(filepath.Join(disk, "size"))
	if err != nil {
		return "", fmt.Errorf("read the size of the root volume: %w", err)
	}
	sectors, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return "", fmt.Errorf("read the size of the root volume: %w", err)
	}
	size := sectors / (1 << 30 / 512) // sysfs has sectors of 512 bytes, whatever those of the disk are
	if size < int64(asked) {
		return "", fmt.Errorf("the root volume has %d GiB of the %d that rootVolume asks for, and may be unencrypted: baseImage.rootDevice is not the root device of the image", size, asked)
	}
	return fmt.Sprintf("the root volume has %d GiB", size), nil
}

// below is the device that a partition is part of, or that a mapped volume lies on. It is "" for a disk.
func below(device string) string {
	if _, err := os.Stat(filepath.Join(device, "partition")); err == nil {
		return filepath.Dir(device)
	}
	lower, _ := filepath.Glob(filepath.Join(device, "slaves", "*"))
	if len(lower) == 0 {
		return ""
	}
	disk, err := filepath.EvalSymlinks(lower[0])
	if err != nil {
		return ""
	}
	return disk
}

// isEBS reports whether a disk is a volume of EBS: by its model on Nitro, by its name on Xen.
// https://docs.aws.amazon.com/ebs/latest/userguide/identify-nvme-ebs-device.html
func isEBS(disk string) bool {
	model, _ := os.ReadFile(filepath.Join(disk, "device", "model"))
	return strings.HasPrefix(string(model), "Amazon Elastic Block Store") || strings.HasPrefix(filepath.Base(disk), "xvd")
}
