package contract

import (
	"encoding/json"
	"fmt"
	"strings"
)

// BootSchema is the version of the first-boot document. It changes when a worker or a bundle of one release would
// misread the document of another; `worker boot complete` refuses any other version.
const BootSchema = 1

// FirstBoot is the document that user-data holds and the bundle's scripts write to /etc/chef/first-boot.json: Chef's own format
// (chef-client --json-attributes), a run list and attributes, here under node['worker_tier'].
// https://docs.chef.io/ctl_chef_client/#run-with-json-attributes
type FirstBoot struct {
	RunList    []string   `json:"run_list"` // ["role[worker-mail]"]
	Schema     int        `json:"schema"`   // BootSchema of the release that made the stack
	WorkerTier Attributes `json:"worker_tier"`
}

// CheckSchema is an error if the document is of another version than this release reads.
func (f FirstBoot) CheckSchema() error {
	if f.Schema != BootSchema {
		return fmt.Errorf("the first-boot document has schema %d and this worker reads %d: stack and bundle are of different releases, deploy both from one", f.Schema, BootSchema)
	}
	return nil
}

// Attributes are the Chef attributes of one worker instance.
type Attributes struct {
	Bundle      Object            `json:"-"`                   // stands in user-data alone, see BundleVariable
	Files       *Object           `json:"files,omitempty"`     // .zip: the content type's own program, unpacked as its working folder
	Cookbooks   *Object           `json:"cookbooks,omitempty"` // .zip: the content type's own cookbooks, unpacked beside those of the bundle
	Chef        Chef              `json:"chef"`
	RunList     []string          `json:"run_list"`    // of the content type's role
	Environment map[string]string `json:"environment"` // WORKER_* (Settings.Environ), AWS_REGION and what the config adds
	LogGroup    string            `json:"log_group"`   // of CloudWatch, for the agent
	Hardening   Hardening         `json:"hardening,omitzero"`
}

// Hardening says what the worker's unit allows beyond its strict defaults; see config.Hardening.
type Hardening struct {
	WritableCode bool `json:"writable_code,omitempty"`
	Namespaces   bool `json:"namespaces,omitempty"`
	Devices      bool `json:"devices,omitempty"`
}

// Object names an S3 object and its content.
type Object struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	SHA256 string `json:"sha256"` // hexadecimal
}

// Chef says with which client an instance is configured, and from where.
type Chef struct {
	Client        string       `json:"client"`                   // its command: "cinc-client" or "chef-client"
	AcceptLicense bool         `json:"accept_license,omitempty"` // the user's own acceptance of Chef's licence
	Package       *ChefPackage `json:"package,omitempty"`
	Server        *ChefServer  `json:"server,omitempty"` // nil: local mode
}

// ChefPackage is installed where the image holds no client.
type ChefPackage struct {
	URL    string `json:"url"`
	SHA256 string `json:"sha256"` // hexadecimal
}

// ChefServer is where cookbooks and roles come from in server mode.
type ChefServer struct {
	URL             string `json:"url"`              // with the organization
	Validator       string `json:"validator"`        // the client that may register others
	ValidatorSecret string `json:"validator_secret"` // name of the secret with its key
}

// BundleVariable is the variable of user-data that holds the S3 URL of the bundle, a .zip with bin/, cookbooks/ and roles/.
const BundleVariable = "bundle"

// FirstBootMarker ends the here-document that holds the first-boot document in user-data.
const FirstBootMarker = "JSON"

// FirstBootFrom takes the first-boot document out of a user-data script, and the bundle's object, without its digest.
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
	_, rest, found = strings.Cut(userData, "\n"+BundleVariable+"='s3://")
	url, _, closed := strings.Cut(rest, "'\n")
	bucket, key, whole := strings.Cut(url, "/")
	if !found || !closed || !whole {
		return FirstBoot{}, fmt.Errorf("user-data has no variable %s with an S3 URL", BundleVariable)
	}
	doc.WorkerTier.Bundle = Object{Bucket: bucket, Key: key}
	return doc, nil
}
