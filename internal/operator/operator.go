// Package operator holds what the programs of operators have in common, 'worker' and 'tier': how they ask a person and how
// they print.
package operator

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Person is who runs a command, and may have to confirm what it does.
type Person struct {
	In      io.Reader // answers
	Answers bool      // somebody is there to give them
	Out     io.Writer // questions
}

// AtTerminal is the person at standard input, if that is a terminal. Questions go to out.
func AtTerminal(out io.Writer) Person {
	return Person{os.Stdin, term.IsTerminal(int(os.Stdin.Fd())), out}
}

// Agree returns an error unless the person answers the question with yes.
func (p Person) Agree(question string) error {
	return p.ask(question, OneLine(question)+" [y/N] ", func(answer string) bool {
		return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes")
	})
}

// Type returns an error unless the person types the word, to go on with what was said.
func (p Person) Type(said, word string) error {
	return p.ask(said, OneLine(said)+"\nType "+word+" to go on: ", func(answer string) bool { return answer == word })
}

func (p Person) ask(question, prompt string, agreed func(answer string) bool) error {
	if !p.Answers {
		return fmt.Errorf("%s Nothing was changed: there is nobody to ask, repeat it with --yes", question)
	}
	if _, err := io.WriteString(p.Out, prompt); err != nil {
		return err
	}
	answer, err := bufio.NewReader(p.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !agreed(strings.TrimSpace(answer)) {
		return errors.New("not confirmed: nothing was changed")
	}
	return nil
}

// Plural is a number of things, for people.
func Plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
