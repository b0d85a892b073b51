package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	sigsjson "sigs.k8s.io/json"
)

// keep names the fields of an object that are read; an empty one keeps all that
// is below. Lists are looked through.
type keep map[string]keep

// of returns v without what is not read, so that a mistake in a field that
// nobody reads spoils nothing.
func (k keep) of(v any) any {
	if len(k) == 0 {
		return v
	}
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = k.of(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(k))
		for name, below := range k {
			if x, ok := v[name]; ok {
				out[name] = below.of(x)
			}
		}
		return out
	}
	return v
}

// decode turns what is kept of an object into a T, strictly as the API server
// does: a number is not a string. The error is a *fieldError where a field has
// the wrong type.
func decode[T any](object any, k keep) (*T, error) {
	b, err := json.Marshal(k.of(object))
	if err != nil {
		return nil, err
	}
	t := new(T)
	err = sigsjson.UnmarshalCaseSensitivePreserveInts(b, t)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil, &fieldError{path: wrong.Field, got: wrong.Value, want: wanted(wrong.Type)}
	}
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return t, nil
}

// fieldError says that a field has the wrong type. path is without the
// positions in lists.
type fieldError struct{ path, got, want string }

func (e *fieldError) Error() string {
	hint := ""
	if e.want == "a string" && (e.got == "bool" || strings.HasPrefix(e.got, "number")) {
		hint = "; put it in quotes"
	}
	return fmt.Sprintf("%s: expected %s, found %s%s", e.path, e.want, found(e.got), hint)
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct, reflect.Pointer:
		return "a mapping"
	default:
		return "a number of type " + t.Kind().String()
	}
}

func found(value string) string {
	switch {
	case value == "array":
		return "a list"
	case value == "object":
		return "a mapping"
	case value == "bool":
		return "true or false"
	case strings.HasPrefix(value, "number "):
		return value // with the number, which does not fit
	}
	return "a " + value
}
