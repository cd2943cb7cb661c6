package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/tierspec"
)

// maxDollars is what a run may cost at most unless MAX_DOLLARS says otherwise.
const maxDollars = 5.0

// options are what a run is asked for.
type options struct {
	root        string // of the project
	dir         string // for everything the run writes
	environment string // of the config, of this run alone
	local       bool   // on a local AWS
	clean       bool   // only remove what earlier runs left

	account    string // that the caller agrees to; "": none yet
	region     string // "": what the credentials' profile says
	maxDollars float64
	image      string                // id of a base image for arm64; "": Amazon Linux 2023
	chef       *tierspec.ChefPackage // nil: the image holds the client
}

var (
	imageID = regexp.MustCompile(`^ami-[0-9a-f]{8,17}$`)
	digest  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	https   = regexp.MustCompile(`^https://\S+$`)
)

// readOptions reads the command line and the environment. The errors say what to give.
func readOptions(args []string, getenv func(string) string) (options, error) {
	o := options{
		account: getenv("ACCOUNT"), region: getenv("REGION"), maxDollars: maxDollars, image: getenv("AMI"),
		local: slices.Equal(args, []string{"-local"}), clean: slices.Equal(args, []string{"clean"}),
	}
	if len(args) > 0 && !o.local && !o.clean {
		return o, fmt.Errorf("unknown arguments %q: there are -local and clean", args)
	}
	if text := getenv("MAX_DOLLARS"); text != "" {
		var err error
		if o.maxDollars, err = strconv.ParseFloat(text, 64); err != nil {
			return o, fmt.Errorf("MAX_DOLLARS is %q: it must be an amount such as 5", text)
		}
	}
	var err error
	if o.root, err = localtier.ProjectRoot(); err != nil {
		return o, err
	}
	o.environment = newEnvironment()
	o.dir = filepath.Join(o.root, ".build", "test-aws", o.environment)
	if o.local || o.clean {
		return o, nil
	}
	return o, o.readImage(getenv)
}

// readImage wants what an instance needs to become a worker: Amazon's images hold no Chef client, and a run would
// find that out after the first boot that was paid for.
func (o *options) readImage(getenv func(string) string) error {
	url, sum := getenv("CHEF_PACKAGE_URL"), getenv("CHEF_PACKAGE_SHA256")
	if url != "" || sum != "" {
		o.chef = &tierspec.ChefPackage{URL: url, SHA256: sum}
	}
	switch {
	case o.image != "" && !imageID.MatchString(o.image):
		return fmt.Errorf("AMI is %q: it must be the id of an image, such as ami-0123456789abcdef0", o.image)
	case o.chef != nil && (!https.MatchString(url) || !digest.MatchString(sum)):
		return errors.New("CHEF_PACKAGE_URL must be an https URL and CHEF_PACKAGE_SHA256 the 64 hexadecimal digits of what it hashes to: give both")
	case o.chef == nil && o.image == "":
		return errors.New("the instances need a Chef client: give CHEF_PACKAGE_URL and CHEF_PACKAGE_SHA256, of a Cinc client package (.rpm) for Amazon Linux 2023 on arm64, or AMI, an arm64 image that holds one")
	}
	return nil
}

// newEnvironment is a name that no other run has.
func newEnvironment() string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return "r" + hex.EncodeToString(random[:])
}
