package stacks

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// What instances publish is what dashboards show, and alarms compare nothing else: a metric that nobody looks at
// is billed for nothing, and one that nobody publishes is a flat line or an alarm that never acts.
func TestMetricsArePublishedAndShown(t *testing.T) {
	names := contractMetrics(t)
	published := map[string]bool{}
	for _, dir := range []string{"worker", "bootstrap"} { // the latter before there is a worker
		for constant := range used(t, filepath.Join("..", dir), filepath.Join("..", "worker", "contract")) {
			if name, ok := names[constant]; ok {
				published[name] = true
			}
		}
	}
	shown, compared := map[string]bool{}, map[string]bool{}
	for stack, text := range asConfigured(t, testConfig, "prod") {
		for _, m := range shownMetric.FindAllStringSubmatch(text, -1) {
			shown[m[1]] = true
		}
		for _, m := range searched.FindAllStringSubmatch(text, -1) {
			if !published[m[1]] {
				t.Errorf("%s searches for %s, which nobody publishes", stack, m[1])
			}
		}
		for _, m := range comparedMetric.FindAllStringSubmatch(text, -1) {
			compared[m[1]] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(published)), slices.Sorted(maps.Keys(shown))); diff != "" {
		t.Errorf("metrics on dashboards of pools (-published +shown):\n%s", diff)
	}
	for name := range compared {
		if !published[name] {
			t.Errorf("an alarm reads %s, which nobody publishes", name)
		}
	}
	if !compared[contract.MetricZombies] || !compared[contract.MetricBusy] {
		t.Errorf("found only %v in alarms", compared)
	}
}

// The own metrics in templates: in a dashboard's body, which is JSON in a JSON string, in a SEARCH of one, and in
// the properties of an alarm, one a line.
var (
	ownNamespace   = contract.MetricNamespace(`[a-z0-9]+`, `[a-z0-9]+`)
	shownMetric    = regexp.MustCompile(`\[\\"` + ownNamespace + `\\",\\"(\w+)\\"`)
	searched       = regexp.MustCompile(`\{\\+"` + ownNamespace + `\\+",\w+,\w+\} MetricName=\\+"(\w+)\\+"`)
	comparedMetric = regexp.MustCompile(`"MetricName": "(\w+)",\s+"Namespace": "` + ownNamespace + `"`)
)

// contractMetrics are the names of metrics in package contract, by constant.
func contractMetrics(t *testing.T) map[string]string {
	t.Helper()
	metrics := map[string]string{}
	for _, file := range parse(t, filepath.Join("..", "worker", "contract")) {
		for _, declared := range file.Decls {
			g, ok := declared.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				name := v.Names[0].Name
				literal, ok := slices.Concat(v.Values, []ast.Expr{nil})[0].(*ast.BasicLit)
				if !ok || !strings.HasPrefix(name, "Metric") {
					continue
				}
				value, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				metrics[name] = value
			}
		}
	}
	if len(metrics) == 0 {
		t.Fatal("package contract names no metrics")
	}
	return metrics
}

// used are the names that the code under dir takes from package contract, tests and the folder skip aside.
func used(t *testing.T, dir, skip string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || path == skip {
			return err
		}
		for _, file := range parse(t, path) {
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if pkg, ok := s.X.(*ast.Ident); ok && pkg.Name == "contract" {
						names[s.Sel.Name] = true
					}
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// parse reads the Go files of a folder, tests aside.
func parse(t *testing.T, dir string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}
