package config

import (
	"strings"
	"testing"
)

// Each is a value that somebody once put into an environment, or one that must not be taken for one.
func TestLooksSecret(t *testing.T) {
	drawn := "kV9" + "x2Qp7LmZ4tRw8YcB1nHd6JfG3sAe0UiO5" // in two pieces, so that no scanner of this repository stumbles
	for name, cases := range map[bool]map[string]string{
		true: {
			"IMAP_PASSWORD": "hunter2", "password": "x y", "DB_PASSWD": "a-b-c", "API_KEY": "abc-123", "APIKEY": "q", "OAUTH_CLIENT_SECRET": "s3cr3t", "GITHUB_TOKEN": "t0ken",
			"refresh_token": "1//0g", "SSH_PRIVATE_KEY": "line", "STORAGE_KEY": "x==", "IMAP_PASS": "p", "PWD": "p",
			"A": "AKIA" + "IOSFODNN7EXAMPLE", "B": "use ASIA" + "IOSFODNN7EXAMPLE now", "C": "-----BEGIN " + "RSA PRIVATE KEY-----", "D": "ghp_" + strings.Repeat("a1B2", 9),
			"E": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln", "F": "postgres://tier:pass@db.example.com/jobs", "G": "Server=db;Password=abc;Timeout=3", "H": drawn, "I": "xoxb-" + "123456789012-abc",
			"J": "--password=abc",
		},
		false: {
			"PASSWORD_FILE": "/run/secrets/imap", "SECRET_NAME": "imap-service", "TOKEN_URL": "https://login.example.com/token", "TOKEN_TTL": "300", "MAX_TOKENS": "4096", "SECRET_ARN": "arn:aws:secretsmanager:x",
			"PASSWORD": "", "USE_TOKEN": "true", "API_KEY": "ssm:/imap/key", "LANG": "C.UTF-8", "TZ": "Europe/Berlin", "PRIVATE_KEY": "/etc/tls/key.pem", "COMPASS": "north",
			"IMAGE": "registry.example.com/team/tool@sha256:" + strings.Repeat("0123456789abcdef", 4), "CHECKSUM": strings.Repeat("0123456789abcdef", 4), "CLASS": "com.example.jobs.ThumbnailGeneratorFactoryBean2",
			"URL": "https://example.com/a:b@c", "BUCKET": "my-company-production-artifacts-eu-west-1-2026", "PATTERN": "[A-Z]{3}-[0-9]{4}", "KEYBOARD": "de", "MONKEY": "see", "PASSES": "3",
			"OPTS": "--password-file=/run/p", "GREETING": "This is a sentence that somebody reads, with 3 numbers.",
		},
	} {
		for variable, value := range cases {
			if got := looksSecret(variable, value); got != name {
				t.Errorf("%s: %q looks like a secret: %t", variable, value, got)
			}
		}
	}
}

func TestWarnsOfRights(t *testing.T) {
	for statement, want := range map[string]string{
		`{actions: ["iam:*"], resources: ["*"]}`:                                              "give himself other rights",
		`{actions: ["iam:Pass*"], resources: ["*"]}`:                                          `"iam:Pass*" allows iam:PassRole`,
		`{actions: ["iam:PassRole"], resources: ["arn:aws:iam::111122223333:role/*"]}`:        "give himself other rights",
		`{actions: ["sts:AssumeRole"], resources: ["arn:aws:iam::*:role/*"]}`:                 "give himself other rights",
		`{actions: ["IAM:passrole"], resources: ["*"]}`:                                       "is not possible",
		`{actions: ["lambda:UpdateFunction*"], resources: ["*"]}`:                             "lambda:UpdateFunctionCode",
		`{actions: ["s3:*"], resources: ["*"]}`:                                               "s3:PutBucketPolicy",
		`{actions: ["dynamodb:*"], resources: ["*"]}`:                                         "every action of the service",
		`{actions: ["sqs:*"], resources: ["arn:aws:sqs:us-east-1:111122223333:*"]}`:           "every action of the service",
		`{actions: ["s3:GetObject", "iam:CreateUser"], resources: ["arn:aws:s3:::a/*", "*"]}`: `"iam:CreateUser" on every resource`,

		`{actions: ["rekognition:DetectLabels"], resources: ["*"]}`:                            "",
		`{actions: ["iam:GetRole", "iam:List*"], resources: ["*"]}`:                            "",
		`{actions: ["sts:AssumeRole"], resources: ["arn:aws:iam::444455556666:role/backup"]}`:  "",
		`{actions: ["iam:PassRole"], resources: ["arn:aws:iam::111122223333:role/tool"]}`:      "",
		`{actions: ["s3:*"], resources: ["arn:aws:s3:::source/*"]}`:                            "",
		`{actions: ["dynamodb:*"], resources: ["arn:aws:dynamodb:us-east-1:1234:table/mine"]}`: "",
		`{actions: ["kms:Decrypt"], resources: ["*"]}`:                                         "",
	} {
		_, warnings, err := load(t, edited(t, []edit{{docs, docs + ", policyStatements: [" + statement + "]"}}), "")
		text := ""
		for _, w := range warnings {
			if strings.HasPrefix(w.Path, "contentTypes.docs.policyStatements") {
				text += w.String() + "\n"
			}
		}
		if err != nil {
			text += err.Error()
		}
		if (text == "") != (want == "") || !strings.Contains(text, want) || strings.Count(text, "\n") > 1 {
			t.Errorf("%s: %q, want %q", statement, text, want)
		}
	}
}
