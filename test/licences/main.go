// Command licences checks that every package that this project uses has a licence on the list in policy.go: Go modules, npm and PyPI
// packages, gems, Maven artifacts, and the cookbooks of the bundle. It ends with
//
//	licences: 57 Go modules, …: all accepted
//
// or with one line for each package that is not accepted. With -gems it compares the list of the gems' licences with installed gems.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	installed := flag.String("gems", "", "compare the licences of the list with those of the gems installed in this folder, and check nothing else")
	flag.Parse()
	if err := run(context.Background(), *installed); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run checks the project in the working directory.
func run(ctx context.Context, installed string) error {
	listed, err := gems("bootstrap/image/gems.txt", "test/licences/gems.txt")
	if err != nil {
		return err
	}
	if installed != "" {
		return errors.Join(compareGems(listed, installed)...)
	}
	items := listed
	for _, scan := range []func() ([]item, error){
		func() ([]item, error) { return goModules(ctx, ".", true) },
		func() ([]item, error) { return goModules(ctx, "test/bench/peers", false) },
		func() ([]item, error) { return npmPackages("package-lock.json") },
		func() ([]item, error) { return npmPackages("test/bench/package-lock.json") },
		func() ([]item, error) { return pypiPackages("requirements.txt", ".venv") },
		func() ([]item, error) { return pypiPackages("test/policy/requirements.txt", ".tools/policy") },
		func() ([]item, error) { return mavenArtifacts("test/endpoints/pom.xml") },
		func() ([]item, error) { return shippedCookbooks("bootstrap/cookbooks") },
	} {
		found, err := scan()
		if err != nil {
			return err
		}
		items = append(items, found...)
	}
	if refused := judge(items, accepted, notDistributed); len(refused) > 0 {
		return errors.Join(refused...)
	}
	counts := map[string]int{}
	for _, i := range items {
		counts[i.kind+"s"]++
	}
	var said []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		said = append(said, fmt.Sprintf("%d %s", counts[kind], kind))
	}
	fmt.Printf("licences: %s: all accepted\n", strings.Join(said, ", "))
	return nil
}
