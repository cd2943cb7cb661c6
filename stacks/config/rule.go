package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// rule is what the tags of a field say about its values:
//
//	yaml      the key
//	required  the key must be there
//	match     name of a pattern of [patterns] for the text, or for each item of a list or table
//	keys      the same for the keys of a table
//	oneof     the texts that are allowed, separated by spaces
//	word      a text that may stand instead of a duration
//	range     smallest and largest number or duration
//	least     fewest items of a list
//	repeats   a list may hold an item twice
//	number    the text may be written without quotes although it then is a number
//	scalars   the same for all numbers and booleans
//	default   the built-in default, in YAML
type rule struct {
	name              string
	index             []int // of the field, see reflect.Value.FieldByIndex
	required          bool
	match, keys       pattern
	oneof             []string
	word              string
	smallest, biggest string
	least             int
	repeats           bool
	number, scalars   bool
	builtin           string
}

// pattern is a regular expression with its meaning in words. It must mean the same to Go and to
// ECMA 262, the dialect of JSON Schema.
type pattern struct {
	expression *regexp.Regexp
	words      string
}

// patterns holds what texts may look like; the sources are the AWS and Chef documentation of each.
var patterns = map[string]pattern{
	"name":         {regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`), "a letter a-z, then a-z, 0-9 and -, at most 31 characters"},
	"account":      {regexp.MustCompile(`^[0-9]{12}$`), `twelve digits in quotes, such as "111122223333"`},
	"region":       {regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`), "a Region such as us-east-1"},
	"ownZone":      {regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}[a-o]$`), "an availability zone such as us-east-1a; a Local Zone needs network mode existing"},
	"zone":         {regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}([a-z]|(-[a-z0-9]+)+)$`), "an availability zone such as us-east-1a"},
	"ami":          {regexp.MustCompile(`^ami-([0-9a-f]{8}|[0-9a-f]{17})$`), "an image id: ami- and 17 hexadecimal digits"},
	"device":       {regexp.MustCompile(`^/dev/(sd[a-z][0-9]{0,2}|xvd[a-z][a-z]?)$`), "a device's name such as /dev/xvda or /dev/sda1"},
	"vpc":          {regexp.MustCompile(`^vpc-([0-9a-f]{8}|[0-9a-f]{17})$`), "a VPC id: vpc- and 17 hexadecimal digits"},
	"subnet":       {regexp.MustCompile(`^subnet-([0-9a-f]{8}|[0-9a-f]{17})$`), "a subnet id: subnet- and 17 hexadecimal digits"},
	"group":        {regexp.MustCompile(`^sg-([0-9a-f]{8}|[0-9a-f]{17})$`), "a security group's id: sg- and 17 hexadecimal digits"},
	"kmsKey":       {regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$`), "the ARN of a KMS key, such as arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab; permissions know no aliases"},
	"ssmParameter": {regexp.MustCompile(`^(/[A-Za-z0-9_.-]+)+$`), "the whole path of an SSM parameter, such as /images/base"},
	"version":      {regexp.MustCompile(`^[0-9]+([.][0-9]+){0,2}$`), `a version in quotes, such as "18" or "18.5.0"`},
	"https":        {regexp.MustCompile(`^https://[^/ ]+/[^ ]+$`), "an https:// URL of a file"},
	"folder":       {regexp.MustCompile(`^https://[!-~]{1,240}/$`), "an https:// address that ends with a slash, at most 249 characters of ASCII"},
	"sha256":       {regexp.MustCompile(`^[0-9a-f]{64}$`), "64 hexadecimal digits in lower case"},
	"instanceType": {regexp.MustCompile(`^[a-z][a-z0-9-]*[.][a-z0-9-]+$`), "an EC2 instance type such as m7g.large"},
	"variable":     {regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`), "a variable's name: letters, digits and _, no digit first"},
	"secret":       {regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]{1,512}$`), "a secret's name: letters, digits and /_+=.@-"},
	"anySecret":    {regexp.MustCompile(`^([A-Za-z0-9/_+=.@-]{1,512}|ssm:(/[A-Za-z0-9_.-]+)+)$`), "a secret's name (letters, digits and /_+=.@-), or ssm: and the path of an SSM parameter"},
	"action":       {regexp.MustCompile(`^[a-z0-9-]+:[A-Za-z0-9*?]+$`), "an IAM action such as s3:GetObject"},
	"resource":     {regexp.MustCompile(`^([*]|arn:[a-z*-]+:[a-z0-9*?-]+:[a-z0-9*?-]*:[a-z0-9*?]*:[^ ]+)$`), "an ARN such as arn:aws:s3:::bucket/*, or *"},
	"producer":     {regexp.MustCompile(`^([0-9]{12}|arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:(root|(user|role|assumed-role|federated-user)/[^ *?]+))$`), "the ARN of an IAM role or user, or an account's twelve digits in quotes"},
	"cron":         {regexp.MustCompile(`^[0-9A-Za-z*,/-]+( [0-9A-Za-z*,/-]+){4}$`), `five fields of cron, such as "0 7 * * MON-FRI"`},
	"timeZone":     {regexp.MustCompile(`^[A-Z][A-Za-z_]*(/[A-Za-z0-9_+-]+){0,2}$`), "a time zone such as Europe/Berlin"},
	"chefRole":     {regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`), "a Chef role's name: letters, digits, _ and -"},
	"server":       {regexp.MustCompile(`^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._-]+)*$`), "an https:// address such as https://chef.example.com"},
	"hostPort":     {regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$`), "a host and a port such as carbon.example.com:2003"},
	"organization": {regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,254}$`), "an organization's short name: a-z, 0-9, _ and -"},
	"recipe":       {regexp.MustCompile(`^recipe\[[A-Za-z0-9_-]+(::[A-Za-z0-9_-]+)?\]$`), "a recipe such as recipe[imap::tools]"},
	"tagKey":       {regexp.MustCompile(`^[A-Za-z0-9 _.:/=+@-]{1,128}$`), "at most 128 letters, digits, spaces and _.:/=+@-"},
	"tagValue":     {regexp.MustCompile(`^[A-Za-z0-9 _.:/=+@-]{0,256}$`), "at most 256 letters, digits, spaces and _.:/=+@-"},
}

// rules are those of a struct's fields, embedded structs included, in order.
func rules(t reflect.Type) []rule {
	var all []rule
	for _, field := range reflect.VisibleFields(t) {
		if _, tagged := field.Tag.Lookup("yaml"); tagged {
			all = append(all, ruleOf(field))
		}
	}
	return all
}

func ruleOf(field reflect.StructField) rule {
	tag := field.Tag.Get
	r := rule{
		name:     tag("yaml"),
		index:    field.Index,
		required: tag("required") != "",
		match:    patterns[tag("match")],
		keys:     patterns[tag("keys")],
		oneof:    strings.Fields(tag("oneof")),
		word:     tag("word"),
		repeats:  tag("repeats") != "",
		number:   tag("number") != "",
		scalars:  tag("scalars") != "",
		builtin:  tag("default"),
	}
	r.smallest, r.biggest, _ = strings.Cut(tag("range"), "..")
	r.least, _ = strconv.Atoi(tag("least"))
	return r
}

// allowed says in words what values a rule allows; empty: nothing worth saying.
func (r rule) allowed() string {
	switch {
	case len(r.oneof) > 0:
		return strings.Join(r.oneof, ", ")
	case r.word != "":
		return r.smallest + " to " + r.biggest + ", or " + r.word
	case r.smallest != "":
		return r.smallest + " to " + r.biggest
	default:
		return r.match.words
	}
}

// note renders the parenthesis at the end of a message from its parts; empty parts are left out.
func note(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s)", strings.Join(parts, "; "))
}
