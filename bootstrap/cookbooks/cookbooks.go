// Package cookbooks holds the Chef cookbooks that the bundle brings to every instance, so that a
// program that imports this module needs no copy of them.
package cookbooks

import "embed"

// Files holds the folder of each cookbook.
//
//go:embed worker
var Files embed.FS
