package main

import (
	"bufio"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// npmPackages returns those of a package-lock.json, which holds the licence of each as its package.json declares it, bundled ones too.
func npmPackages(lock string) ([]item, error) {
	text, err := os.ReadFile(lock)
	if err != nil {
		return nil, fmt.Errorf("npm packages: %w", err)
	}
	var content struct {
		Packages map[string]struct{ Version, License string }
	}
	if err := json.Unmarshal(text, &content); err != nil {
		return nil, fmt.Errorf("npm packages: %s: %w", lock, err)
	}
	delete(content.Packages, "") // the project
	var items []item
	for _, path := range slices.Sorted(maps.Keys(content.Packages)) {
		p := content.Packages[path]
		name := path[strings.LastIndex(path, "node_modules/")+len("node_modules/"):]
		items = append(items, item{kind: npmPackage, name: name, version: p.Version, licence: p.License, where: lock})
	}
	return items, nil
}

var (
	pinned    = regexp.MustCompile(`(?m)^([A-Za-z0-9._-]+)==([^\s;\\]+)`)
	separator = regexp.MustCompile(`[-_.]+`)
)

// pypiPackages returns those of a requirements file, with the licences of what is installed in an environment: the expression of the
// metadata, or else the licence files.
func pypiPackages(requirements, environment string) ([]item, error) {
	text, err := os.ReadFile(requirements)
	if err != nil {
		return nil, fmt.Errorf("PyPI packages: %w", err)
	}
	installed, err := filepath.Glob(filepath.Join(environment, "lib", "python3*", "site-packages", "*.dist-info"))
	if err != nil {
		return nil, err
	}
	folders := map[string]string{}
	for _, folder := range installed {
		name, version, _ := strings.Cut(strings.TrimSuffix(filepath.Base(folder), ".dist-info"), "-")
		folders[pypiName(name)+" "+version] = folder
	}
	var items []item
	for _, p := range pinned.FindAllStringSubmatch(string(text), -1) {
		i := item{kind: pypiPackage, name: pypiName(p[1]), version: p[2]}
		i.where = folders[i.name+" "+i.version]
		if i.where == "" {
			return nil, fmt.Errorf("PyPI packages: %s %s of %s is not installed in %s: run make tools", p[1], p[2], requirements, environment)
		}
		if i.licence, err = pypiLicence(i.where); err != nil {
			return nil, err
		}
		items = append(items, i)
	}
	return items, nil
}

// pypiName is a package's name in the spelling that all spellings of it share.
// https://packaging.python.org/en/latest/specifications/name-normalization/
func pypiName(name string) string { return strings.ToLower(separator.ReplaceAllString(name, "-")) }

func pypiLicence(folder string) (string, error) {
	file, err := os.Open(filepath.Join(folder, "METADATA"))
	if err != nil {
		return "", fmt.Errorf("PyPI packages: %w", err)
	}
	defer func() { _ = file.Close() }()
	header, err := textproto.NewReader(bufio.NewReader(file)).ReadMIMEHeader()
	if expression := header.Get("License-Expression"); expression != "" || err != nil && len(header) == 0 {
		return expression, err
	}
	texts, err := files(folder, licenceName)
	if err != nil {
		return "", err
	}
	if more, err := files(filepath.Join(folder, "licenses"), licenceName); err == nil {
		texts = append(texts, more...)
	}
	return classify(texts)
}

// mavenArtifacts returns those that a POM names. Their licences are in the list of exceptions.
func mavenArtifacts(pom string) ([]item, error) {
	text, err := os.ReadFile(pom)
	if err != nil {
		return nil, fmt.Errorf("artifacts of Maven: %w", err)
	}
	var content struct {
		Dependencies []struct {
			Group    string `xml:"groupId"`
			Artifact string `xml:"artifactId"`
			Version  string `xml:"version"`
		} `xml:"dependencies>dependency"`
	}
	if err := xml.Unmarshal(text, &content); err != nil {
		return nil, fmt.Errorf("artifacts of Maven: %s: %w", pom, err)
	}
	var items []item
	for _, d := range content.Dependencies {
		items = append(items, item{kind: mavenArtifact, name: d.Group + ":" + d.Artifact, version: d.Version, where: pom})
	}
	return items, nil
}

var cookbookLicence = regexp.MustCompile(`(?m)^license\s+'([^']*)'`)

// shippedCookbooks returns the cookbooks in a folder, with the licences that their metadata declare.
func shippedCookbooks(folder string) ([]item, error) {
	found, err := filepath.Glob(filepath.Join(folder, "*", "metadata.rb"))
	if err != nil {
		return nil, err
	}
	var items []item
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("cookbooks: %w", err)
		}
		i := item{kind: cookbook, name: filepath.Base(filepath.Dir(path)), where: path, shipped: true}
		if m := cookbookLicence.FindSubmatch(text); m != nil {
			i.licence = string(m[1])
		}
		items = append(items, i)
	}
	return items, nil
}
