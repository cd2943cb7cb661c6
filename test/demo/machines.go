package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/worker-tier/worker-tier/bootstrap/image/local"
	"github.com/worker-tier/worker-tier/test/localec2"
)

// machineInventories is the folder of a machine where its jobs write inventories: a worker writes to nothing but its own.
const machineInventories = "/var/lib/worker/inventories"

// prepareMachines makes the base image, and lets machines see what the demo's jobs read and write.
func (d *demo) prepareMachines(ctx context.Context) error {
	image, err := local.Build(ctx, d.root, d.out)
	if err != nil {
		return err
	}
	inventories := d.inventoryDir("")
	if err := os.MkdirAll(inventories, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(inventories, 0o777); err != nil { // the machines have a user of their own
		return err
	}
	d.start = localec2.Machines{Image: image, Shared: []localec2.Shared{
		{Host: d.tree, Machine: d.tree},
		{Host: inventories, Machine: machineInventories, Writable: true},
	}}.Start
	return nil
}

// inventoryOutput is where an instance writes a content type's inventory, which is then in inventoryDir.
func (d *demo) inventoryOutput(contentType string) string {
	if d.machines {
		return filepath.Join(machineInventories, contentType)
	}
	return d.inventoryDir(contentType)
}
