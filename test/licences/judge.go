package main

import (
	"fmt"
	"slices"
	"strings"
)

// The kinds of packages.
const (
	goModule      = "Go module"
	npmPackage    = "npm package"
	pypiPackage   = "PyPI package"
	mavenArtifact = "Maven artifact"
	gem           = "gem"
	cookbook      = "cookbook"
)

// item is a package that something here uses.
type item struct {
	kind, name, version string
	licence             string // an SPDX expression; "": the scan found none
	where               string // the file that says so, or in which the licence was looked for
	shipped             bool   // a part of it may be in what users of the tier link, run or receive
}

// judge returns an error for each item whose licence is not accepted, and for each exception that no item needs.
func judge(items []item, accepted map[string]string, exceptions []exception) []error {
	needed := map[exception]bool{}
	var refused []error
	for _, i := range items {
		allowed := func(id string) bool { return accepted[id] != "" }
		ok, err := satisfies(i.licence, allowed)
		if ok {
			continue
		}
		known := slices.IndexFunc(exceptions, func(e exception) bool {
			return e.kind == i.kind && e.name == i.name && (i.licence == "" || e.licence == i.licence)
		})
		if known >= 0 && !i.shipped {
			needed[exceptions[known]] = true
			continue
		}
		refused = append(refused, refusal(i, err))
	}
	for _, e := range exceptions {
		if !needed[e] {
			refused = append(refused, fmt.Errorf("%s %s: no such package under %s is used: remove it from notDistributed in test/licences/policy.go", e.kind, e.name, e.licence))
		}
	}
	return refused
}

// refusal says what is wrong with an item, and what to do.
func refusal(i item, err error) error {
	found := "its licence " + i.licence + " is not accepted"
	switch {
	case i.licence == "":
		found = "no licence that is known was found"
	case err != nil:
		found = err.Error()
	}
	remedy := "use another package, or add the licence to accepted or the package to notDistributed"
	if i.shipped {
		remedy = "use another package, or, if programs under Apache-2.0 may link and pass on software under it, add the licence to accepted"
	}
	return fmt.Errorf("%s %s: %s (%s): %s in test/licences/policy.go, with the reason", i.kind, strings.TrimSpace(i.name+" "+i.version), found, i.where, remedy)
}

// satisfies says whether an SPDX expression lets one choose among licences that are all allowed. An empty expression does not.
// https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/
func satisfies(expression string, allowed func(id string) bool) (bool, error) {
	if expression == "" {
		return false, nil
	}
	tokens := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(expression))
	p := parser{tokens: tokens, allowed: allowed}
	ok := p.either()
	if len(p.tokens) > 0 || p.bad {
		return false, fmt.Errorf("its licence %q is not an SPDX expression", expression)
	}
	return ok, nil
}

// parser evaluates an SPDX expression from left to right.
type parser struct {
	tokens  []string
	allowed func(id string) bool
	bad     bool
}

func (p *parser) take(token string) bool {
	if len(p.tokens) == 0 || p.tokens[0] != token {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *parser) either() bool {
	ok := p.both()
	for p.take("OR") {
		other := p.both()
		ok = ok || other
	}
	return ok
}

func (p *parser) both() bool {
	ok := p.one()
	for p.take("AND") {
		other := p.one()
		ok = ok && other
	}
	return ok
}

func (p *parser) one() bool {
	if p.take("(") {
		ok := p.either()
		p.bad = p.bad || !p.take(")")
		return ok
	}
	id := p.id()
	if p.take("WITH") { // an exception from a licence makes another licence of it
		id += " WITH " + p.id()
	}
	return p.allowed(id)
}

func (p *parser) id() string {
	if len(p.tokens) == 0 || slices.Contains([]string{"(", ")", "AND", "OR", "WITH"}, p.tokens[0]) {
		p.bad = true
		return ""
	}
	id := p.tokens[0]
	p.tokens = p.tokens[1:]
	return id
}
