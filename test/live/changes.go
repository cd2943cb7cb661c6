package main

import (
	"context"
	"fmt"
)

// all are the stacks of the tier at its beginning; pools are its content types.
var (
	all   = []string{"shared", "short", "long", "listing"}
	pools = []string{"short", "long", "listing"}
)

// edits is a change of the configuration's text, in pairs of before and after.
func edits(pairs ...string) func(context.Context, *live) error {
	return func(_ context.Context, l *live) error { return l.project.edit(pairs...) }
}

// release puts another release of the worker into the configuration.
func release(before, after string) func(context.Context, *live) error {
	return func(_ context.Context, l *live) error { return l.project.use(before, after) }
}

// writes adds a file to the project.
func writes(name, text string) func(context.Context, *live) error {
	return func(_ context.Context, l *live) error { return l.project.write(name, text) }
}

// parts are all changes, in order.
var parts = []part{
	{"zones", []change{
		{name: "a zone is added", edit: edits("[us-east-1a, us-east-1b]", "[us-east-1a, us-east-1b, us-east-1c]"), differs: all, check: zonesAre("a", "b", "c")},
		{name: "a zone is replaced", edit: edits("[us-east-1a, us-east-1b, us-east-1c]", "[us-east-1a, us-east-1d, us-east-1c]"), differs: all, moves: true, check: zonesAre("a", "c", "d")},
		{name: "a zone is removed", edit: edits("[us-east-1a, us-east-1d, us-east-1c]", "[us-east-1c, us-east-1d]"), differs: all, moves: true, check: zonesAre("c", "d")},
	}},
	{"scaling", []change{
		{name: "a group's maximum and the time that jobs may wait", edit: edits("long: {processor: chain}", "long: {processor: chain, capacity: {max: 5}, scaleOut: {targetLatency: 20m}}"), differs: []string{"long"}, check: mostOfLong},
	}},
	{"upkeep", []change{
		{name: "files that systems, editors and Python leave behind", edit: leaveRubbish},
		{name: "the mean job time", edit: edits("meanJobTime: 5m", "meanJobTime: 6m"), differs: pools},
		{name: "a content type's own program", edit: writes("listing/more.py", "# another file of the program"), differs: []string{"listing"}, rolls: []string{"listing"}},
		{name: "a letter of an environment variable", edit: edits("grüße", "größe"), differs: []string{"short"}, rolls: []string{"short"}, shows: []string{"GREETING"}},
		{name: "a tag, which volumes have from their launch", edit: edits("name: live-tier\n", "name: live-tier\ntags: {owner: platform}\n"), differs: pools, rolls: pools},
	}},
	{"image", []change{
		{name: "the same image, named by a parameter", edit: imageByParameter},
		{name: "the parameter names another image", edit: parameterNames(nextImage)},
		{name: "what synths had looked up is forgotten", edit: forget, differs: pools, rolls: pools, check: startFrom(nextImage)},
		{name: "the root device", edit: edits("{ssmParameter:", "{rootDevice: /dev/sda1, ssmParameter:"), differs: pools, rolls: pools},
	}},
	{"release", []change{
		{name: "a release of the worker in the middle of a scale-out", edit: release("first", "second"), differs: pools, rolls: pools, make: amidScaleOut, check: noneDenied},
		{name: "a release that never passes its check", edit: release("second", "broken"), differs: pools, announces: pools, moves: true, make: refused, check: backAsBefore},
		{name: "a fix while instances of before fail to boot", edit: release("second", "third"), differs: pools, rolls: pools, make: amidFailures, check: fixed},
	}},
	{"types", []change{
		{name: "a content type is added", edit: edits("contentTypes:\n", "contentTypes:\n"+extra), differs: []string{"extra"}, check: extraWorks},
		{name: "a content type is retired, and then leaves the file", edit: edits(), make: retire},
	}},
	{"network", []change{
		{name: "another network mode, refused until it is asked for", edit: edits("{mode: public}", "{mode: private-nat}"), differs: all, rolls: pools, make: anotherNetwork},
	}},
}

func mostOfLong(_ context.Context, _ *live, _, after look) (string, error) {
	if most := after.pools["long"].most; most != 5 {
		return "", fmt.Errorf("long has at most %d instances, want 5", most)
	}
	return "long may have 5 instances", nil
}
