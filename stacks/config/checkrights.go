package config

import (
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
)

// secretName matches names of variables that hold secrets, notAValue the endings of names that say where one is, or what is
// allowed with one.
var (
	secretName = regexp.MustCompile(`(?i)(passw(or)?d|passphrase|secret|credential|(^|_)(pwd|pass|token|apikey)$|(auth|access|api|bearer|refresh|session)_?token|(api|access|private|signing|encryption|master|account|storage)_?key)`)
	notAValue  = regexp.MustCompile(`(?i)_(file|path|dir|folder|name|names|arn|id|ids|url|uri|host|port|user|type|kind|mode|version|region|provider|store|backend|timeout|ttl|age|length|size|limit|max|min|count|policy|enabled|prefix|suffix)$`)
)

// secretValues match secrets by their own form.
var secretValues = []*regexp.Regexp{
	regexp.MustCompile(`(^|[^A-Z0-9])(AKIA|ASIA)[A-Z2-7]{16}($|[^A-Z0-9])`), // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
	regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY`),
	regexp.MustCompile(`(^|[^A-Za-z0-9])(gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22,}|glpat-[A-Za-z0-9_-]{20}|xox[abeprs]-[A-Za-z0-9-]{10,}|sk_live_[A-Za-z0-9]{16,}|AIza[A-Za-z0-9_-]{35})`),
	regexp.MustCompile(`(^|[^A-Za-z0-9])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.`),           // a JSON Web Token
	regexp.MustCompile(`[a-z][a-z0-9+.-]*://[^/@:\s]*:[^/@\s]+@`),                                  // an address with a password
	regexp.MustCompile(`(?i)(^|[\s;,?&-])(password|passwd|pwd|secret|token|apikey|api-key)[=:]\S`), // a connection string, or an option
}

// looksSecret reports whether a value under a name, which may be empty, looks like a secret.
func looksSecret(name, value string) bool {
	if slices.ContainsFunc(secretValues, func(r *regexp.Regexp) bool { return r.MatchString(value) }) {
		return true
	}
	if secretName.MatchString(name) && !notAValue.MatchString(name) && !harmless.MatchString(value) {
		return true
	}
	return random(value)
}

// harmless are values that say where a secret is, or switch something.
var harmless = regexp.MustCompile(`(?i)^(|true|false|yes|no|on|off|none|null|[0-9]{1,4}|[0-9]+(ms|s|m|h|d)|arn:.*|ssm:.*|/.*|\./.*|file:.*|https?://.*|\$.*)$`)

var word = regexp.MustCompile(`^[A-Za-z0-9+/_=-]{32,}$`)

// random reports whether a text is as good as drawn: letters of both cases and digits, with little repetition. Digests, which are
// in hexadecimal, are none.
func random(text string) bool {
	if !word.MatchString(text) || !strings.ContainsAny(text, "0123456789") || strings.ToLower(text) == text || strings.ToUpper(text) == text {
		return false
	}
	counts, bits := map[rune]float64{}, 0.0
	for _, char := range text {
		counts[char]++
	}
	for _, n := range counts {
		p := n / float64(len(text))
		bits -= p * math.Log2(p)
	}
	return bits >= 4.2 // of words with capitals: below 4; of 32 characters drawn from 64: 4.6 on average
}

// warnOfSecrets names values that should not stand in a file. It never repeats one.
func (c checker) warnOfSecrets(a access) {
	for _, variable := range a.Environment.members {
		if variable.value.usable() && looksSecret(variable.key.value, variable.value.value) {
			c.warn(variable.value.at, "looks like a secret: it would stand as plain text in the template and on instances (keep it in Secrets Manager and name it under secrets)")
		}
	}
	for _, tag := range a.Tags.members {
		if tag.value.usable() && looksSecret(tag.key.value, tag.value.value) {
			c.warn(tag.value.at, "looks like a secret: everybody who may list resources sees their tags (leave it out)")
		}
	}
}

// warnOfSecretArguments does the same for a program's arguments, each by its own form.
func (c checker) warnOfSecretArguments(command list) {
	for _, argument := range command.items {
		if argument.usable() && looksSecret("", argument.value) {
			c.warn(argument.at, "looks like a secret: it would stand as plain text in the template and in the list of processes (keep it in Secrets Manager, name it under secrets, and let the program read it)")
		}
	}
}

// rightsToRights are actions by which a role gives itself, or others, what it does not have.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html
var rightsToRights = []string{
	"iam:PassRole", "iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:AttachRolePolicy", "iam:AttachUserPolicy", "iam:CreateAccessKey", "iam:CreateLoginProfile",
	"iam:CreatePolicyVersion", "iam:CreateRole", "iam:CreateUser", "iam:DeleteRolePermissionsBoundary", "iam:PutGroupPolicy", "iam:PutRolePolicy",
	"iam:PutUserPolicy", "iam:SetDefaultPolicyVersion", "iam:UpdateAssumeRolePolicy", "iam:UpdateLoginProfile", "sts:AssumeRole",
	"ec2:RunInstances", "lambda:CreateFunction", "lambda:UpdateFunctionCode", "ssm:SendCommand", "ssm:StartSession",
	"cloudformation:CreateStack", "cloudformation:UpdateStack", "codebuild:CreateProject", "glue:UpdateDevEndpoint",
	"kms:CreateGrant", "kms:PutKeyPolicy", "organizations:LeaveOrganization", "s3:PutBucketPolicy", "secretsmanager:PutResourcePolicy",
}

// everyOne matches what stands last in ARNs such as arn:aws:iam::*:role/*.
var everyOne = regexp.MustCompile(`^([A-Za-z-]+[:/])?\*$`)

// everything reports whether a resource leaves nothing out. What stands before the slash in S3 is a bucket.
func everything(resource string) bool {
	parts := strings.SplitN(resource, ":", 6)
	return resource == "*" || len(parts) == 6 && (parts[2] != "s3" && everyOne.MatchString(parts[5]) || strings.Trim(parts[5], "*/") == "")
}

// warnOfRights names statements that allow more than any job needs.
func (c checker) warnOfRights(a access) {
	for _, statement := range a.PolicyStatements.items {
		if !slices.ContainsFunc(statement.Resources.texts(), everything) {
			continue
		}
		for _, action := range statement.Actions.items {
			if !action.usable() {
				continue
			}
			pattern := strings.ToLower(action.value)
			switch i := slices.IndexFunc(rightsToRights, func(of string) bool { matched, _ := path.Match(pattern, strings.ToLower(of)); return matched }); {
			case i >= 0 && strings.ContainsAny(pattern, "*?"):
				c.warn(action.at, "%s allows %s on every resource: who runs a job could give himself other rights (name the actions and the resources that jobs need)", quote(action.value), rightsToRights[i])
			case i >= 0:
				c.warn(action.at, "%s on every resource: who runs a job could give himself other rights (name the resources that jobs need)", quote(action.value))
			case strings.HasSuffix(pattern, ":*"):
				c.warn(action.at, "%s allows every action of the service on every resource (name the actions and the resources that jobs need)", quote(action.value))
			}
		}
	}
}
