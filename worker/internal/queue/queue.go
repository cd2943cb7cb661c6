// Package queue sends and receives the messages of a content type: on SQS, and in memory for tests and
// the simulator.
package queue

import (
	"strings"
	"time"
	"unicode"
)

// Message as received.
type Message struct {
	ID       string
	Body     string
	Receipt  string    // names this receive, for delete and give-back
	SentAt   time.Time // when the producer sent it
	Receives int       // how often it was received, this time included
}

// MaxDelay is the longest a message can be kept back when it is sent.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
const MaxDelay = 15 * time.Minute

// MaxReceived is the most messages that one receive gives.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
const MaxReceived = 10

// ReasonAttribute is the message attribute of a dead-lettered message that says why it is there.
const ReasonAttribute = "Reason"

// printable replaces what a message attribute cannot hold.
func printable(reason string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return '?'
	}, reason)
}
