package plainjson

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"unicode/utf8"
)

// checkStrings finds a string in v, as encoding/json would write it, that is not UTF-8. In the JSON it can no longer be seen.
func checkStrings(v any) error { return checkValue(reflect.ValueOf(v)) }

func checkValue(v reflect.Value) error {
	if !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil // null
	}
	if own, text, err := ownText(v); own || err != nil {
		return notUTF8(text, err)
	}
	switch v.Kind() {
	case reflect.String:
		return notUTF8(v.String(), nil)
	case reflect.Pointer, reflect.Interface:
		return checkValue(v.Elem())
	case reflect.Struct:
		return checkFields(v)
	case reflect.Map:
		for key, value := range v.Seq2() {
			if err := checkValue(key); err != nil {
				return err
			}
			if err := checkValue(value); err != nil {
				return err
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return nil // base64
		}
		for i := range v.Len() {
			if err := checkValue(v.Index(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkFields(v reflect.Value) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() && !field.Anonymous || field.Tag.Get("json") == "-" {
			continue // not written
		}
		if err := checkValue(v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

// ownText reports whether v writes itself, and the text it makes where that is no JSON: encoding/json would spoil it.
func ownText(v reflect.Value) (own bool, text string, err error) {
	if v.CanAddr() && v.Kind() != reflect.Pointer && v.Kind() != reflect.Interface {
		v = v.Addr()
	}
	if !v.CanInterface() {
		return false, "", nil
	}
	switch self := v.Interface().(type) {
	case json.Marshaler:
		return v.Kind() != reflect.Interface, "", nil
	case encoding.TextMarshaler:
		if v.Kind() == reflect.Interface {
			return false, "", nil // its value is looked at next
		}
		written, err := self.MarshalText()
		return true, string(written), err
	}
	return false, "", nil
}

func notUTF8(text string, err error) error {
	if err != nil || utf8.ValidString(text) {
		return err
	}
	return fmt.Errorf("the text %.60q is not UTF-8", text)
}
