package image

import (
	_ "embed"
	"strconv"
	"strings"
	"text/template"
	"unicode"

	"github.com/worker-tier/worker-tier/tierspec"
)

// documentText is the component as Image Builder reads it.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-use-documents.html
//
//go:embed document.yaml.tmpl
var documentText string

var documentTemplate = template.Must(template.New("document.yaml.tmpl").Funcs(template.FuncMap{"scalar": scalar}).Parse(documentText))

// document is the component: what is installed is checked before the image is made of it, and once more on an instance
// that was started from the image. Only then does Image Builder call the image available.
func document(chef tierspec.Chef) string {
	var text strings.Builder
	if err := documentTemplate.Execute(&text, struct{ Install, Check string }{Install(chef), Check(Amazon, chef)}); err != nil {
		panic(err) // the template is ours, and a strings.Builder takes everything
	}
	return text.String()
}

// scalar is a script as a YAML value, at an indentation of 18: lines as they are, or in quotes where YAML would change
// a character. A script starts at its margin and ends with one line break. Every escape of Go is one of YAML.
// https://yaml.org/spec/1.2.2/#57-escaped-characters
func scalar(script string) string {
	if strings.ContainsFunc(script, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
		return strconv.QuoteToASCII(script)
	}
	margin := "\n" + strings.Repeat(" ", 18)
	return "|" + margin + strings.ReplaceAll(strings.TrimSuffix(script, "\n"), "\n", margin)
}
