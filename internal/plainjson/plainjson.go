// Package plainjson writes JSON in which text stays as it is. Package encoding/json by itself writes each of < > & as six
// bytes, for web pages, and U+FFFD in the place of bytes that are not UTF-8.
package plainjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// NewEncoder is json.NewEncoder without the escapes for web pages.
func NewEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

// Marshal is json.Marshal without the escapes for web pages. A raw message keeps all its bytes but white space.
func Marshal(v any) ([]byte, error) {
	var text bytes.Buffer
	if err := NewEncoder(&text).Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// MarshalUTF8 is [Marshal] for what must come back as it was: it refuses v if a text in it is not UTF-8.
func MarshalUTF8(v any) ([]byte, error) {
	text, err := Marshal(v)
	if err == nil {
		err = CheckUTF8(text) // of raw messages
	}
	if err == nil {
		err = checkStrings(v)
	}
	return text, err
}

// CheckUTF8 says where text is not UTF-8.
func CheckUTF8(text []byte) error {
	if utf8.Valid(text) {
		return nil
	}
	at := 0
	for {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return fmt.Errorf("is not UTF-8: byte 0x%02x at offset %d", text[at], at)
		}
		at += size
	}
}
