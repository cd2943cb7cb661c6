package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sysfs is a folder as /sys of a machine whose root is on the device 259:1.
func sysfs(t *testing.T, model string, gib int, root string) string {
	t.Helper()
	sys := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(sys, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(name, to string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(sys, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(sys, to), filepath.Join(sys, name)); err != nil {
			t.Fatal(err)
		}
	}
	put("devices/nvme0n1/size", fmt.Sprintln(gib<<21))
	put("devices/nvme0n1/device/model", model)
	put("devices/nvme0n1/nvme0n1p1/partition", "1\n")
	put("devices/nvme0n1/nvme0n1p1/size", fmt.Sprintln(gib<<21-2048))
	put("devices/dm-0/size", "2097152\n")
	link("devices/dm-0/slaves/nvme0n1p1", "devices/nvme0n1/nvme0n1p1")
	link("dev/block/259:1", "devices/"+root)
	return sys
}

func TestRootVolumeIsAsLargeAsAsked(t *testing.T) {
	const ebs = "Amazon Elastic Block Store              \n"
	for name, c := range map[string]struct {
		model, root, device string
		has, asked          int
		found, fails        string
	}{
		"a partition":                  {ebs, "nvme0n1/nvme0n1p1", "259:1", 30, 30, "the root volume has 30 GiB", ""},
		"a whole disk":                 {ebs, "nvme0n1", "259:1", 30, 30, "the root volume has 30 GiB", ""},
		"a mapped volume on it":        {ebs, "dm-0", "259:1", 30, 30, "the root volume has 30 GiB", ""},
		"larger":                       {ebs, "nvme0n1/nvme0n1p1", "259:1", 40, 30, "the root volume has 40 GiB", ""},
		"the image's own size":         {ebs, "nvme0n1/nvme0n1p1", "259:1", 8, 30, "", "the root volume has 8 GiB of the 30 that rootVolume asks for"},
		"nothing asked":                {ebs, "nvme0n1/nvme0n1p1", "259:1", 8, 0, "the root volume has 8 GiB", ""},
		"a laptop's disk":              {"Some SSD\n", "nvme0n1/nvme0n1p1", "259:1", 8, 30, "the root volume is not of EBS", ""},
		"a container, of no such disk": {ebs, "nvme0n1/nvme0n1p1", "0:45", 8, 30, "the root is not a disk of its own", ""},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := compareVolume(sysfs(t, c.model, c.has, c.root), c.device, c.asked)
			if found != c.found || (err == nil) != (c.fails == "") || err != nil && !strings.HasPrefix(err.Error(), c.fails) {
				t.Errorf("found %q, %v", found, err)
			}
		})
	}
	if _, err := rootVolume(0); err != nil {
		t.Errorf("here: %v", err)
	}
}
