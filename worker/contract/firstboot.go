package contract

import (
	"encoding/json"
	"fmt"
	"strings"
)

// FirstBoot is the document that user-data writes to /etc/chef/first-boot.json: Chef's own format
// (chef-client --json-attributes), a run list and attributes, here under node['worker_tier'].
// https://docs.chef.io/ctl_chef_client/#run-with-json-attributes
type FirstBoot struct {
	RunList    []string   `json:"run_list"` // ["role[worker-mail]"]
	WorkerTier Attributes `json:"worker_tier"`
}

// Attributes are the Chef attributes of one worker instance.
type Attributes struct {
	Bundle      Object            `json:"bundle"`              // .zip: bin/worker and cookbooks/
	Files       *Object           `json:"files,omitempty"`     // .zip: the content type's own program, unpacked as its working folder
	Cookbooks   *Object           `json:"cookbooks,omitempty"` // .zip: the content type's own cookbooks, unpacked beside those of the bundle
	Environment map[string]string `json:"environment"`         // WORKER_* (Settings.Environ), AWS_REGION and what the config adds
}

// Object names an S3 object.
type Object struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
}

// FirstBootMarker ends the here-document that holds the first-boot document in user-data.
const FirstBootMarker = "WORKER_TIER_FIRST_BOOT"

// FirstBootFrom takes the first-boot document out of a user-data script.
func FirstBootFrom(userData string) (FirstBoot, error) {
	_, rest, found := strings.Cut(userData, "<<'"+FirstBootMarker+"'\n")
	text, _, closed := strings.Cut(rest, "\n"+FirstBootMarker+"\n")
	if !found || !closed {
		return FirstBoot{}, fmt.Errorf("user-data has no here-document %s", FirstBootMarker)
	}
	var doc FirstBoot
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return FirstBoot{}, fmt.Errorf("first-boot document in user-data: %w", err)
	}
	return doc, nil
}
