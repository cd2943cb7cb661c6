// Package image says what a base image of the tier must hold: the one list for every image, whoever builds it.
package image

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

// List is what a base image holds. What an instance needs beyond it comes with the bundle.
type List struct {
	Chef     string // major version of the Chef client, for which cookbooks/worker is written, for example "18"
	Contents []Content
}

// Content is one thing that an image holds, and the packages that bring it. A system without a package for it has it from
// elsewhere, or does not have it.
type Content struct {
	What    string   // for people
	Command string   // by which its presence is checked; "": it is a service, whose unit has the name of the package
	Debian  []string // packages of Debian 12
	Amazon  []string // packages of Amazon Linux 2023
}

//go:embed contents.json
var text []byte

// Contents is the list.
func Contents() List {
	var list List
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		panic(fmt.Sprintf("bootstrap/image/contents.json: %v", err)) // ours
	}
	return list
}

//go:embed gems.txt
var gems string

// GemSums are the SHA-256 sums of the gem files of the Chef client and of the tools that check cookbooks, one
// "<sum>  <name>-<version>.gem" a line, as sha256sum reads them.
func GemSums() string {
	var sums strings.Builder
	for line := range strings.Lines(gems) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] != "#" {
			fmt.Fprintf(&sums, "%s  %s-%s.gem\n", fields[2], fields[0], fields[1])
		}
	}
	return sums.String()
}
