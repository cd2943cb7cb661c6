package stacks

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// goldens are all environments of the config that uses every kind of setting, of one with a Chef server, and of the
// project's own, with the folder of their templates.
var goldens = []struct{ dir, file, environment string }{
	{"", testConfig, "prod"}, {"", testConfig, "lab"}, {"chef-server", "testdata/chef-server.yaml", "site"},
	{"worker-tier", "../worker-tier.yaml", "local"}, {"worker-tier", "../worker-tier.yaml", "dev"}, {"worker-tier", "../worker-tier.yaml", "prod"},
}

// The golden templates show in a pull request what a change of the code does to what is deployed.
// Rewrite them with make update.
func TestGoldenTemplates(t *testing.T) {
	for _, c := range goldens {
		got := asConfigured(t, c.file, c.environment)
		dir := filepath.Join("testdata", "golden", c.dir, c.environment)
		if *update {
			rewrite(t, dir, got)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil || len(files) != len(got) {
			t.Errorf("%s holds %d templates, synthesized are %s", dir, len(files), slices.Sorted(maps.Keys(got)))
		}
		for stack, text := range got {
			want, err := os.ReadFile(filepath.Join(dir, stack+".json"))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(text, "\n")); diff != "" {
				t.Errorf("%s (-golden +now; make update rewrites):\n%s", stack, diff)
			}
		}
	}
}

func rewrite(t *testing.T, dir string, texts map[string]string) {
	t.Helper()
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	for stack, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, stack+".json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A new content type, and one that goes, leaves every other template as it is, byte for byte, wherever
// it stands in the list.
func TestContentTypesDoNotTouchEachOther(t *testing.T) {
	all := load(t, testConfig, "prod")
	before := asConfigured(t, testConfig, "prod")
	for i, gone := range all.ContentTypes {
		tier := *all
		tier.ContentTypes = slices.Delete(slices.Clone(all.ContentTypes), i, i+1)
		after := templates(t, synthesize(t, &tier, standIn))
		if stack := "tier-prod-" + gone.Name; after[stack] != "" || before[stack] == "" {
			t.Errorf("%s: its stack is there without it: %v, with it: %v", gone.Name, after[stack] != "", before[stack] != "")
		}
		for stack, text := range after {
			if text != before[stack] {
				t.Errorf("content type %s changes %s:\n%s", gone.Name, stack, cmp.Diff(before[stack], text))
			}
		}
	}
}

// The image pipeline is a stack and nothing else: with it and without, every other template is the same, byte for byte.
func TestImagePipelineTouchesNoOtherStack(t *testing.T) {
	without := *load(t, testConfig, "prod")
	without.Environment.ImageBuilder = nil
	want, got := asConfigured(t, testConfig, "prod"), templates(t, synthesize(t, &without, standIn))
	if want["tier-prod-base-image"] == "" {
		t.Fatal("the environment has no pipeline")
	}
	delete(want, "tier-prod-base-image")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("without the pipeline (-with +without):\n%s", diff)
	}
}

// Two synths of the same sources, in two folders, write the same files: templates, manifest and assets.
func TestSynthIsReproducible(t *testing.T) {
	var assemblies [2]map[string]string
	for i := range assemblies {
		dir := filepath.Join(t.TempDir(), strings.Repeat("deeper/", i))
		if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
			t.Fatal(err)
		}
		tier := *load(t, testConfig, "prod")
		tier.Dir = dir
		assemblies[i] = contents(t, synthesize(t, &tier, standInOf(filepath.Join(dir, "bundle"))))
	}
	if diff := cmp.Diff(assemblies[0], assemblies[1]); diff != "" {
		t.Errorf("the second synth differs:\n%s", diff)
	}
}

// contents are the files under a folder, by path.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
