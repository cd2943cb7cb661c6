package templates

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
)

//go:embed judge_policies.py
var judgePolicies string

// policy is a policy document, with the place where it stands.
type policy struct {
	Where  string         `json:"where"`
	Policy map[string]any `json:"policy"`
}

// parliament runs parliament on the policy documents of all templates: those of roles, who may assume them, and those
// of queues, buckets, topics and endpoints.
func (r *Report) parliament(ctx context.Context, root string, paths []string) error {
	var policies []policy
	for _, path := range paths {
		t, err := readTemplate(path)
		if err != nil {
			return err
		}
		more, err := policiesOf(t)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, p := range more {
			p.Where = filepath.Base(path) + " " + p.Where
			policies = append(policies, p)
		}
	}
	r.Policies = len(policies)
	if r.Policies == 0 {
		return errors.New("the templates hold no policy document")
	}
	text, err := json.Marshal(policies)
	if err != nil {
		return err
	}
	tool := exec.CommandContext(ctx, filepath.Join(root, ".tools", "policy", "bin", "python"), "-I", "-c", judgePolicies)
	tool.Stdin = bytes.NewReader(text)
	var answers []struct {
		Check, Where, Title string
		Detail, Location    any
	}
	if err := answerOf(tool, &answers); err != nil {
		return err
	}
	var found []finding
	for _, a := range answers {
		found = append(found, finding{a.Check, fmt.Sprintf("%s %v", a.Where, a.Detail), fmt.Sprintf("%s %v", a.Title, a.Location)})
	}
	r.ParliamentFindings = r.judge("parliament", found, acceptedByParliament)
	return nil
}
