package templates

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

func suppress(stack awscdk.Stack) {
	var all []*cdknag.NagPackSuppression
	for _, a := range acceptedByNag {
		s := &cdknag.NagPackSuppression{Id: &a.check, Reason: &a.reason}
		if a.where != "" {
			s.AppliesTo = &[]any{&cdknag.RegexAppliesTo{Regex: &a.where}}
		}
		all = append(all, s)
	}
	cdknag.NagSuppressions_AddStackSuppressions(stack, &all, nil)
}

// readNag reads the reports of an assembly, one for each of its templates, and marks the reasons that
// accepted a finding as used.
func (r *Report) readNag(assembly string, templates int, used map[string]bool) error {
	files, err := filepath.Glob(filepath.Join(assembly, "AwsSolutions-*-NagReport.json"))
	if err != nil || len(files) != templates {
		return fmt.Errorf("%s: %d reports of cdk-nag, want one for each of %d templates: %w", assembly, len(files), templates, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var report struct {
			Lines []struct{ RuleID, ResourceID, Compliance, ExceptionReason, RuleInfo string }
		}
		if err := json.Unmarshal(text, &report); err != nil || len(report.Lines) == 0 {
			return fmt.Errorf("%s: %d lines: %w", file, len(report.Lines), err)
		}
		for _, l := range report.Lines {
			switch l.Compliance {
			case "Compliant":
			case "Suppressed":
				r.Accepted++
				for _, a := range acceptedByNag {
					if strings.HasSuffix(l.ExceptionReason, a.reason) { // after the finding in brackets
						used[a.reason] = true
					}
				}
			default:
				r.NagFindings = append(r.NagFindings, fmt.Sprintf("%s %s: %s: %s", l.RuleID, l.ResourceID, l.Compliance, l.RuleInfo))
			}
		}
	}
	return nil
}

// staleSuppressions takes an acceptance without a finding for a finding.
func (r *Report) staleSuppressions(used map[string]bool) {
	for _, a := range acceptedByNag {
		if !used[a.reason] {
			r.NagFindings = append(r.NagFindings, fmt.Sprintf("%s %s: accepted, but there is no such finding", a.check, a.where))
		}
	}
}
