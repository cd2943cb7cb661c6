package operator

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/worker-tier/worker-tier/internal/plainjson"
)

// Printer writes the results and messages of a command. Ids, tenants, errors and answers of other programs come from
// strangers, so that all text for people passes through [OneLine].
type Printer struct {
	To io.Writer // for what brings its own format: a log, a progress bar
}

// Line prints one line, whatever the arguments hold.
func (p Printer) Line(format string, args ...any) error { return p.Lines(fmt.Sprintf(format, args...)) }

// Lines prints each of the texts as one line.
func (p Printer) Lines(lines ...string) error {
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(OneLine(line))
		text.WriteByte('\n')
	}
	_, err := io.WriteString(p.To, text.String())
	return err
}

// Text prints a message that may have several lines, such as a list of mistakes. All lines but the first are indented, so
// that none can be taken for another message.
func (p Printer) Text(format string, args ...any) error {
	return p.Lines(indented(fmt.Sprintf(format, args...))...)
}

// Table prints rows with their cells under each other.
func (p Printer) Table(rows [][]string) error { return p.Lines(Columns(rows)...) }

// JSON prints a result for machines.
func (p Printer) JSON(v any) error {
	encoder := plainjson.NewEncoder(p.To)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// Terminal reports whether a person watches.
func (p Printer) Terminal() bool {
	f, ok := p.To.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Columns are the rows of a table as lines, with their cells under each other.
func Columns(rows [][]string) []string {
	var text bytes.Buffer
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for n, cell := range row {
			if n > 0 {
				_, _ = io.WriteString(table, "\t")
			}
			_, _ = io.WriteString(table, OneLine(cell)) // a buffer takes everything
		}
		_, _ = io.WriteString(table, "\n")
	}
	_ = table.Flush()
	if text.Len() == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
}

func indented(text string) []string {
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		if n > 0 && !strings.HasPrefix(line, "  ") {
			lines[n] = "  " + line
		}
	}
	return lines
}

// OneLine is a text as a terminal can show it in one line. Line breaks and tabs become spaces. Control and formatting
// characters, such as ESC, C1 controls and the marks of writing direction, become escapes such as \x1b, as do bytes that
// are not UTF-8. Letters, combining and wide characters of all scripts stay.
func OneLine(text string) string {
	var line strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&line, `\x%02x`, text[0])
		case unicode.IsSpace(r):
			line.WriteByte(' ')
		case unicode.IsGraphic(r):
			line.WriteRune(r)
		default:
			line.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
		text = text[size:]
	}
	return line.String()
}
