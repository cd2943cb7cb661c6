package config

import (
	"slices"
	"strings"

	"github.com/worker-tier/worker-tier/bootstrap/roles"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// reserved are names that no content type may have: they would collide with the shared stack and its
// SSM parameters, with the stack of the image pipeline, and with the control items of the job table ("control#<contentType>").
var reserved = []string{"control", contract.SpillFolder, reservedShared, tierspec.BaseImageStack}

const reservedShared = "shared"

func (c checker) checkContentType(m *member[contentType]) {
	t := m.value
	if slices.Contains(reserved, m.key.value) {
		c.fail(m.key.at, "the name is reserved (as is %s)", strings.Join(slices.DeleteFunc(slices.Clone(reserved), func(n string) bool { return n == m.key.value }), ", "))
	}
	if t.Role.value == roles.BaseName {
		c.fail(t.Role.at, "%s is the tier's own base role (choose another name)", roles.BaseName)
	}
	c.checkProcessor(m)
	c.checkReads(m)
	if t.Files.usable() {
		c.checkFiles(t.Files)
	}
	c.checkCookbooks(t)
	c.warnOfSecretArguments(t.Command)
	c.checkAccess(t.access)
}

func (c checker) checkAccess(a access) {
	for _, variable := range a.Environment.members {
		if name := variable.key.value; strings.HasPrefix(name, "WORKER_") || strings.HasPrefix(name, "AWS_") {
			c.fail(variable.key.at, "names that start with WORKER_ or AWS_ are set by the tier (choose another name)")
		}
	}
	c.checkTags(a.Tags)
}

// checkTags refuses keys that AWS or the tier sets itself.
func (c checker) checkTags(tags table[given[string]]) {
	for _, tag := range tags.members {
		switch key := strings.ToLower(tag.key.value); {
		case strings.HasPrefix(key, "aws:"):
			c.fail(tag.key.at, "tags that start with aws: belong to AWS (choose another key)")
		case strings.HasPrefix(key, "worker-tier:"), tag.key.value == "Name":
			c.fail(tag.key.at, "Name and tags that start with worker-tier: are set by the tier (choose another key)")
		}
	}
}

// checkTagCase refuses keys that differ in the case of letters only: for the tags of a role, IAM takes them for one.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#case-sensitivity
func (c checker) checkTagCase(tags table[given[string]]) {
	seen := map[string]given[string]{}
	for _, tag := range tags.members {
		folded := strings.ToLower(tag.key.value)
		if other, twice := seen[folded]; twice {
			c.clash(tag.key.leaf, other.leaf, "tags %s and %s differ in the case of letters only, which IAM takes for one tag of a role (use one spelling)", other.value, tag.key.value)
		}
		seen[folded] = tag.key
	}
}

// processors are all that the worker has: the built-in ones and those the file says it has.
func (c checker) processors() []string {
	return append(contract.Processors(), c.file.Worker.Processors.texts()...)
}

func (c checker) checkProcessor(m *member[contentType]) {
	t := m.value
	if !t.Processor.usable() {
		return
	}
	known := c.processors()
	if name := t.Processor.value; !slices.Contains(known, name) && !c.file.Worker.Processors.bad {
		c.fail(t.Processor.at, "there is no processor %s%s", quote(name), note("known: "+strings.Join(known, ", "), "those of your own worker are named in worker.processors", meant(name, known)))
		return
	}
	isExec := t.Processor.value == contract.ProcessorExec
	if isExec && !t.Command.set {
		c.fail(m.key.at.child("command"), "is missing (processor exec runs a program, such as [python3, main.py])")
	}
	if !isExec && t.Command.set {
		c.fail(t.Command.at, "is only for processor exec, not for %s", t.Processor.value)
	}
}

func (c checker) checkReads(m *member[contentType]) {
	names := slices.DeleteFunc(c.file.ContentTypes.names(), func(name string) bool { return name == m.key.value })
	for _, other := range m.value.Reads.items {
		switch {
		case !other.usable():
		case other.value == m.key.value:
			c.fail(other.at, "a content type reads its own artifacts anyway (leave it out)")
		case !slices.Contains(names, other.value):
			c.fail(other.at, "there is no content type %s%s", quote(other.value), note("the others: "+strings.Join(names, ", "), meant(other.value, names)))
		}
	}
}
