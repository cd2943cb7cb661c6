package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/worker-tier/worker-tier/bootstrap/cookbooks"
	"github.com/worker-tier/worker-tier/bootstrap/roles"
)

// chefCommand is for server mode: what it writes is uploaded with knife.
type chefCommand struct {
	Out string `short:"o" required:"" help:"Folder to write the Chef repository to; it must not exist yet."`
}

// Run writes a Chef repository with what the tier's instances need of a Chef server: the tier's own cookbooks and those of the
// content types, the base role and a role for each content type.
func (c *chefCommand) Run(_ context.Context, s *session) error {
	if _, err := os.Lstat(c.Out); err == nil {
		return fmt.Errorf("%s exists: name a folder that does not, so that nothing of an older release is uploaded with it", c.Out)
	}
	files, err := s.roles()
	if err != nil {
		return err
	}
	if err := s.writeRepository(c.Out, files); err != nil {
		return errors.Join(fmt.Errorf("write the Chef repository: %w", err), os.RemoveAll(c.Out))
	}
	return s.result(struct {
		Folder string `json:"folder"`
	}{c.Out}, "written to "+c.Out+"; upload it with: knife upload --chef-repo-path "+c.Out+" /cookbooks /roles")
}

// roles are the files of all roles, by name. Content types that share a role must agree on it.
func (s *session) roles() (map[string][]byte, error) {
	files := map[string][]byte{roles.BaseName: roles.Base}
	owners := map[string]int{}
	for i, t := range s.tier.ContentTypes {
		if first, taken := owners[t.Role]; taken {
			if other := s.tier.ContentTypes[first]; !slices.Equal(other.RunList, t.RunList) {
				return nil, fmt.Errorf("content types %s and %s share the role %s and have different run lists: give one of them another role", other.Name, t.Name, t.Role)
			}
			continue
		}
		owners[t.Role] = i
		text, err := roles.File(t.Role, t.RunList)
		if err != nil {
			return nil, err
		}
		files[t.Role] = text
	}
	return files, nil
}

func (s *session) writeRepository(dir string, files map[string][]byte) error {
	if err := os.CopyFS(filepath.Join(dir, "cookbooks"), cookbooks.Files); err != nil {
		return err
	}
	var copied []string
	for _, t := range s.tier.ContentTypes {
		if t.Cookbooks == "" || slices.Contains(copied, t.Cookbooks) {
			continue
		}
		copied = append(copied, t.Cookbooks)
		// A cookbook of a name that is there already is another one: the server has one of each name and version.
		if err := os.CopyFS(filepath.Join(dir, "cookbooks"), os.DirFS(filepath.Join(s.tier.Dir, t.Cookbooks))); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "roles"), 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, "roles", name+".json"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
