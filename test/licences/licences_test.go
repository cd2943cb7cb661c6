package main

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the notices in the bundle")

// TestTheBundlesNoticesAreOfWhatIsLinked holds the committed file to the modules of the worker as it is now.
func TestTheBundlesNoticesAreOfWhatIsLinked(t *testing.T) {
	want, err := notices(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	const path = "../../bootstrap/bundle/third-party.txt"
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("bootstrap/bundle/third-party.txt is not of the modules that the worker links now: run make update (-committed +now):\n%s", diff)
	}
	for _, part := range []string{"worker-tier/worker-tier\n", "github.com/aws/smithy-go v", "the standard library of Go\n", "Copyright 2015 Amazon.com, Inc. or its affiliates.", "Apache License", "Copyright 2009 The Go Authors."} {
		if !strings.Contains(want, part) {
			t.Errorf("the notices lack %q", part)
		}
	}
}

func TestExpressions(t *testing.T) {
	allowed := func(id string) bool { return accepted[id] != "" }
	for expression, want := range map[string]bool{
		"MIT": true, "GPL-2.0": false, "": false, "mit": false,
		"MIT OR GPL-2.0": true, "GPL-2.0 OR MIT": true, "GPL-2.0 OR MPL-2.0": false,
		"MIT AND GPL-2.0": false, "GPL-2.0 AND MIT": false, "MIT AND ISC": true,
		"(MIT OR GPL-3.0-or-later)": true, "MIT AND (GPL-2.0 OR ISC)": true, "(MIT AND GPL-2.0) OR GPL-3.0": false,
		"MIT OR GPL-2.0 AND GPL-3.0": true, "GPL-2.0 AND GPL-3.0 OR MIT": true, // AND binds more tightly
		"Apache-2.0 WITH LLVM-exception": false, // another licence, which nobody has accepted
	} {
		if got, err := satisfies(expression, allowed); got != want || err != nil {
			t.Errorf("%q: %t, %v", expression, got, err)
		}
	}
	for _, expression := range []string{"MIT License", "MIT OR", "OR MIT", "(MIT", "MIT)", "()", "MIT AND AND MIT", "SEE LICENSE IN x", "WITH"} {
		if got, err := satisfies(expression, allowed); got || err == nil {
			t.Errorf("%q: %t, %v", expression, got, err)
		}
	}
}

func TestOffendersAreNamed(t *testing.T) {
	exceptions := []exception{{npmPackage, "leftpad", "WTFPL", "a test"}, {mavenArtifact, "a:b", "Proprietary", "a test"}}
	used := []item{{kind: npmPackage, name: "leftpad", version: "1", licence: "WTFPL"}, {kind: mavenArtifact, name: "a:b", version: "2"}}
	for name, c := range map[string]struct {
		items []item
		want  []string
	}{
		"all are accepted": {append(used, item{kind: gem, name: "chef", licence: "Apache-2.0"}), nil},
		"another licence":  {append(used, item{kind: gem, name: "x", version: "3", licence: "AGPL-3.0", where: "list.txt"}), []string{"gem x 3: its licence AGPL-3.0 is not accepted (list.txt): use another package, or add the licence to accepted or the package to notDistributed in test/licences/policy.go, with the reason"}},
		"no licence":       {append(used, item{kind: pypiPackage, name: "x", version: "3", where: "x-3.dist-info"}), []string{"PyPI package x 3: no licence that is known was found (x-3.dist-info): use another"}},
		"no expression":    {append(used, item{kind: npmPackage, name: "x", version: "3", licence: "SEE LICENSE", where: "lock"}), []string{`npm package x 3: its licence "SEE LICENSE" is not an SPDX expression (lock): use another`}},
		"a changed licence makes the exception useless": {[]item{{kind: npmPackage, name: "leftpad", version: "2", licence: "BUSL-1.1", where: "lock"}, used[1]}, []string{"npm package leftpad 2: its licence BUSL-1.1 is not accepted", "npm package leftpad: no such package under WTFPL is used: remove it"}},
		"exceptions are not for what is shipped":        {append(used, item{kind: npmPackage, name: "leftpad", version: "1", licence: "WTFPL", where: "lock", shipped: true}), []string{"npm package leftpad 1: its licence WTFPL is not accepted (lock): use another package, or, if programs under Apache-2.0 may link"}},
		"each on a line of its own": {[]item{{kind: gem, name: "x", licence: "A"}, {kind: gem, name: "y", licence: "B"}}, []string{
			"gem x: its licence A", "gem y: its licence B", "npm package leftpad: no such package", "Maven artifact a:b: no such package"}},
	} {
		t.Run(name, func(t *testing.T) {
			refused := judge(c.items, accepted, exceptions)
			if len(refused) != len(c.want) {
				t.Fatalf("%d errors, want %d: %v", len(refused), len(c.want), refused)
			}
			for i, err := range refused {
				if !strings.HasPrefix(err.Error(), c.want[i]) || strings.Contains(err.Error(), "\n") {
					t.Errorf("got  %v\nwant %s", err, c.want[i])
				}
			}
		})
	}
}

// gpl is how a program says that it is under the GPL.
const gpl = `This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public License as published
by the Free Software Foundation; either version 2 of the License, or (at your option) any later version.`

const mit = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// licences maps packages to the licences found.
func licences(t *testing.T, items []item, err error) map[string]string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, i := range items {
		found[i.name+" "+i.version] = i.licence
	}
	return found
}

// TestGoModulesAreReadToTheirDepths: a module of a program, one of a test alone, one of another platform's build tag, and copied code with
// a licence of its own below a module's root. A module of which no package is compiled does not count.
func TestGoModulesAreReadToTheirDepths(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main", "go.mod"), `module example.com/main
go 1.26
require (
	example.com/linked v1.2.3
	example.com/tested v0.1.0
	example.com/tagged v0.1.0
	example.com/unused v0.1.0
)
replace example.com/linked => ../linked
replace example.com/tested => ../tested
replace example.com/tagged => ../tagged
replace example.com/unused => ../unused
`)
	write(t, filepath.Join(dir, "main", "main.go"), "package main\n\nimport _ \"example.com/linked/deep/copied\"\n\nfunc main() {}\n")
	write(t, filepath.Join(dir, "main", "main_test.go"), "package main\n\nimport _ \"example.com/tested\"\n")
	write(t, filepath.Join(dir, "main", "tagged_test.go"), "//go:build releases\n\npackage main\n\nimport _ \"example.com/tagged\"\n")
	for _, name := range []string{"linked", "tested", "tagged", "unused"} {
		write(t, filepath.Join(dir, name, "go.mod"), "module example.com/"+name+"\n\ngo 1.26\n")
		write(t, filepath.Join(dir, name, name+".go"), "package "+name+"\n")
	}
	write(t, filepath.Join(dir, "linked", "deep", "copied", "copied.go"), "package copied\n")
	write(t, filepath.Join(dir, "linked", "LICENSE"), mit)
	write(t, filepath.Join(dir, "linked", "deep", "COPYING"), gpl)
	write(t, filepath.Join(dir, "tested", "licence.md"), mit)
	write(t, filepath.Join(dir, "tagged", "LICENSE"), "Do what I say, not what I do.")
	items, err := goModules(t.Context(), filepath.Join(dir, "main"), true)
	got := licences(t, items, err)
	want := map[string]string{"example.com/linked v1.2.3": "GPL-2.0-or-later AND MIT", "example.com/tested v0.1.0": "MIT", "example.com/tagged v0.1.0": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	refused := errors.Join(judge(items, accepted, nil)...).Error()
	if !strings.Contains(refused, "Go module example.com/linked v1.2.3: its licence GPL-2.0-or-later AND MIT is not accepted ("+filepath.Join(dir, "linked", "LICENSE")+", "+filepath.Join(dir, "linked", "deep", "COPYING")+"): ") ||
		!strings.Contains(refused, "Go module example.com/tagged v0.1.0: no licence that is known was found ("+filepath.Join(dir, "tagged", "LICENSE")+"): ") {
		t.Error(refused)
	}
}

func TestOtherPackages(t *testing.T) {
	dir := t.TempDir()
	lock, pom := filepath.Join(dir, "package-lock.json"), filepath.Join(dir, "pom.xml")
	write(t, lock, `{"packages": {"": {"license": "GPL-2.0"}, "node_modules/@a/b": {"version": "1.0.0", "license": "MIT"}, "node_modules/@a/b/node_modules/c": {"version": "2.0.0"}}}`)
	items, err := npmPackages(lock)
	if diff := cmp.Diff(map[string]string{"@a/b 1.0.0": "MIT", "c 2.0.0": ""}, licences(t, items, err)); diff != "" {
		t.Errorf("npm (-want +got):\n%s", diff)
	}
	write(t, pom, `<project xmlns="http://maven.apache.org/POM/4.0.0"><dependencies><dependency><groupId>g</groupId><artifactId>a</artifactId><version>1</version></dependency></dependencies></project>`)
	items, err = mavenArtifacts(pom)
	if diff := cmp.Diff(map[string]string{"g:a 1": ""}, licences(t, items, err)); diff != "" {
		t.Errorf("Maven (-want +got):\n%s", diff)
	}
	write(t, filepath.Join(dir, "books", "ours", "metadata.rb"), "name 'ours'\nlicense          'Apache-2.0'\n")
	write(t, filepath.Join(dir, "books", "theirs", "metadata.rb"), "name 'theirs'\n")
	items, err = shippedCookbooks(filepath.Join(dir, "books"))
	if diff := cmp.Diff(map[string]string{"ours ": "Apache-2.0", "theirs ": ""}, licences(t, items, err)); diff != "" {
		t.Errorf("cookbooks (-want +got):\n%s", diff)
	}
}

func TestPyPIPackages(t *testing.T) {
	dir := t.TempDir()
	requirements, packages := filepath.Join(dir, "requirements.txt"), filepath.Join(dir, "venv", "lib", "python3.11", "site-packages")
	write(t, requirements, "# comment==1\nzope.interface==8.7 \\\n    --hash=sha256:aa\nregex==1; python_version > '3'\nplain==2\nsilent==3\n")
	write(t, filepath.Join(packages, "zope_interface-8.7.dist-info", "METADATA"), "Metadata-Version: 2.4\nName: zope.interface\nLicense-Expression: ZPL-2.1\n\nLicense-Expression: MIT\n")
	write(t, filepath.Join(packages, "regex-1.dist-info", "METADATA"), "Name: regex\nLicense: MIT\n") // says little: the text decides
	write(t, filepath.Join(packages, "regex-1.dist-info", "licenses", "LICENSE.txt"), gpl)
	write(t, filepath.Join(packages, "plain-2.dist-info", "METADATA"), "Name: plain\n\n")
	write(t, filepath.Join(packages, "plain-2.dist-info", "LICENSE"), mit)
	write(t, filepath.Join(packages, "silent-3.dist-info", "METADATA"), "Name: silent\n")
	items, err := pypiPackages(requirements, filepath.Join(dir, "venv"))
	if diff := cmp.Diff(map[string]string{"zope-interface 8.7": "ZPL-2.1", "regex 1": "GPL-2.0-or-later", "plain 2": "MIT", "silent 3": ""}, licences(t, items, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	write(t, requirements, "plain==4\n")
	if _, err := pypiPackages(requirements, filepath.Join(dir, "venv")); err == nil || !strings.Contains(err.Error(), "plain 4 of "+requirements+" is not installed in "+filepath.Join(dir, "venv")+": run make tools") {
		t.Error(err)
	}
}

func TestGems(t *testing.T) {
	dir := t.TempDir()
	list, known := filepath.Join(dir, "gems.txt"), filepath.Join(dir, "licences.txt")
	write(t, list, "# gems\na 1 aa\nb 2 bb\nc 3 cc\nd 4 dd\n")
	write(t, known, "# licences\na MIT\nb Ruby OR BSD-2-Clause\nd MIT\n")
	items, err := gems(list, known)
	if diff := cmp.Diff(map[string]string{"a 1": "MIT", "b 2": "Ruby OR BSD-2-Clause", "c 3": "", "d 4": "MIT"}, licences(t, items, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	write(t, filepath.Join(dir, "specifications", "a-1.gemspec"), "  s.licenses = [\"GPL-3.0\".freeze]\n")
	write(t, filepath.Join(dir, "specifications", "b-2.gemspec"), "  s.licenses = [\"Ruby\".freeze, \"BSD-2-Clause\".freeze]\n")
	write(t, filepath.Join(dir, "specifications", "d-4.gemspec"), "  s.name = \"d\"\n")
	wrong := compareGems(items, dir)
	if len(wrong) != 2 || !strings.Contains(wrong[0].Error(), "gem a 1: its gemspec declares the licences gpl-3.0, but "+known+" has MIT: correct its line") || !errors.Is(wrong[1], os.ErrNotExist) {
		t.Errorf("got %v", wrong)
	}
	write(t, known, "a MIT\nother MIT\n")
	if _, err := gems(list, known); err == nil || !strings.Contains(err.Error(), "has a licence of other, which is not in") {
		t.Error(err)
	}
}
