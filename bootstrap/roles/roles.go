// Package roles holds the Chef roles of the tier: a hand-written base role and, generated from the
// configuration, one for each content type.
package roles

import (
	_ "embed"
	"encoding/json"
	"slices"
)

// BaseName is the role that all others begin with.
const BaseName = "worker-base"

// Base is the file of the base role, in Chef's own format.
//
//go:embed worker-base.json
var Base []byte

// RunList is what the role of a content type runs, in this order: the base role, so that the user and folders of
// the worker are there; the content type's own entries, so that all that its jobs need is there; and the recipe that starts the worker.
func RunList(own []string) []string {
	return slices.Concat([]string{"role[" + BaseName + "]"}, own, []string{"recipe[worker]"})
}

// role is Chef's own file format of a role.
// https://docs.chef.io/roles/#json
type role struct {
	Name    string   `json:"name"`
	Type    string   `json:"chef_type"`
	Class   string   `json:"json_class"`
	RunList []string `json:"run_list"`
}

// File is the file of a content type's role, whose own entries are those of its run list in the configuration.
func File(name string, own []string) ([]byte, error) {
	text, err := json.MarshalIndent(role{name, "role", "Chef::Role", RunList(own)}, "", "  ")
	return append(text, '\n'), err
}
