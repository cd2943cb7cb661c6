package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/test/outputs"
	"github.com/worker-tier/worker-tier/tierspec"
)

// inventories are the jobs of the content types that run the example program, by content type: which
// part of the tree each lists.
var inventories = map[string]string{"docs": "net", "calendars": "time", "sites": "crypto", "mail": "encoding"}

const inventoryID = "inventory"

// submitInventories submits a job to each of several content types; they run beside the backups.
func (d *demo) submitInventories(ctx context.Context) error {
	for contentType, folder := range inventories {
		if err := d.submitInventory(ctx, contentType, inventoryID, folder); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) submitInventory(ctx context.Context, contentType, id, folder string) error {
	return d.submit(ctx, contentType, id, map[string]string{"directory": filepath.Join(d.tree, folder), "output": d.inventoryOutput(contentType)})
}

func (d *demo) inventoryDir(contentType string) string {
	return filepath.Join(d.dir, "inventories", contentType)
}

// otherTypes checks what the jobs of the other content types wrote.
func (d *demo) otherTypes(ctx context.Context) (string, error) {
	var seen []string
	for _, contentType := range slices.Sorted(maps.Keys(inventories)) {
		files, err := d.checkInventory(ctx, contentType, inventories[contentType])
		if err != nil {
			return "", fmt.Errorf("%s: %w", contentType, err)
		}
		if err := d.checkType(ctx, contentType); err != nil {
			return "", err
		}
		seen = append(seen, fmt.Sprintf("%s %d files", contentType, files))
	}
	return strings.Join(seen, ", ") + ", each listed with its SHA-256; worker check type says OK of each", nil
}

// checkType has the Nagios plugin say that all is well with a content type, within the limit of its deployed alarm.
func (d *demo) checkType(ctx context.Context, contentType string) error {
	said, err := d.worker(ctx, "check", "type", "--type", contentType)
	if err != nil {
		return err
	}
	n := slices.IndexFunc(d.config.tier.ContentTypes, func(c tierspec.ContentType) bool { return c.Name == contentType })
	limit := fmt.Sprintf("|oldest_job=0s;;%g;0 ", d.config.tier.ContentTypes[n].ScaleOut.TargetLatency.Seconds())
	if !strings.HasPrefix(said, contentType+" OK: ") || !strings.Contains(said, limit) {
		return fmt.Errorf("worker check type: want OK and %s, not %s", limit, said)
	}
	return nil
}

// checkInventory waits for an inventory and compares it with the tree.
func (d *demo) checkInventory(ctx context.Context, contentType, folder string) (files int, err error) {
	r, err := d.awaitDone(ctx, contentType, inventoryID)
	if err != nil {
		return 0, err
	}
	return outputs.VerifyInventory(r.Cursor, d.inventoryDir(contentType), filepath.Join(d.tree, folder))
}

// addedType adds a content type to the config and deploys it.
func (d *demo) addedType(ctx context.Context) (string, error) {
	lines, err := d.config.addType()
	if err != nil {
		return "", err
	}
	d.say("added to the config:")
	for line := range strings.Lines(lines) {
		d.say("%s", strings.TrimSuffix(line, "\n"))
	}
	start := time.Now()
	differ, same, err := d.cdk.Diff(ctx)
	if err != nil {
		return "", err
	}
	d.say("cdk diff: %s; differs: %s; unchanged: %d stacks", since(start), strings.Join(differ, ", "), len(same))
	stack := d.config.tier.Name + "-" + environment + "-" + addedType
	if len(differ) != 1 || differ[0] != stack || len(same) != len(d.config.tier.ContentTypes) {
		return "", fmt.Errorf("cdk diff shows differences in %v and none in %v: want one in %s alone (unless the worker's source was changed while the demo ran)", differ, same, stack)
	}
	start = time.Now()
	if err := d.cdk.Deploy(ctx, "--exclusively", stack); err != nil {
		return "", err
	}
	d.say("cdk deploy %s: %s", stack, since(start))
	if _, err := d.running(ctx, addedType, 1); err != nil {
		return "", err
	}
	if err := d.submitInventory(ctx, addedType, inventoryID, "image"); err != nil {
		return "", err
	}
	files, err := d.checkInventory(ctx, addedType, "image")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("cdk diff changes %s alone; deployed, its instance finished a job (%d files)", stack, files), nil
}
