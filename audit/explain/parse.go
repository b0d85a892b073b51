package explain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The fields of an answer. A query may bring them along: answers can be asked
// again.
func answered(field string) bool {
	return slices.Contains([]string{"verdict", "egress", "ingress", "error"}, field)
}

// parseQuery reads one line. Fields that are not ours, such as a number that the
// caller gave to the query, are let be and repeated in the answer, unless they
// look like one of ours misspelt. Line is what the answer repeats.
func parseQuery(raw []byte) (q *Query, line []byte, err error) {
	q = &Query{}
	if err = strictly(raw, q); err == nil {
		return q, raw, nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		return nil, nil, plainly(err)
	}
	ours := map[string]json.RawMessage{}
	for k, v := range fields {
		if near := misspelt(k); near != "" {
			return nil, raw, fmt.Errorf("unknown field %q; is %q meant?", k, near)
		}
		switch {
		case answered(k):
			delete(fields, k)
		case isQueryField(k):
			ours[k] = v
		}
	}
	if line, err = json.Marshal(fields); err != nil {
		return nil, raw, err
	}
	text, err := json.Marshal(ours)
	if err == nil {
		q = &Query{}
		err = strictly(text, q)
	}
	if err != nil {
		return nil, line, plainly(err)
	}
	return q, line, nil
}

func queryFields() []string {
	return []string{"from", "to", "protocol", "port", "http", "dns", "serverName"}
}

func isQueryField(k string) bool {
	return slices.ContainsFunc(queryFields(), func(f string) bool { return strings.EqualFold(f, k) })
}

// misspelt returns the field that k differs from in one or two letters; "" if
// it is one of ours, or nothing like it.
func misspelt(k string) string {
	if isQueryField(k) || answered(k) {
		return ""
	}
	for _, f := range queryFields() {
		if d := distance(strings.ToLower(k), strings.ToLower(f)); d == 1 && len(f) > 2 || d == 2 && len(f) > 5 {
			return f
		}
	}
	return ""
}

// strictly decodes one JSON value that has no unknown fields and nothing after it.
func strictly(raw []byte, q *Query) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(q); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value on the line")
	}
	return nil
}

// plainly says what the decoder says in the words of the format.
func plainly(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if wrong.Field == "" {
			return fmt.Errorf("expected an object with from, to, protocol and port, found %s", wrong.Value)
		}
		want := wrong.Type.String()
		switch wrong.Field {
		case "port":
			want = "a whole number"
		case "from", "to", "http":
			want = "an object"
		}
		return fmt.Errorf("%s: expected %s, found %s", wrong.Field, want, wrong.Value)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON: %w (character %d)", syntax, syntax.Offset)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("not JSON: the line ends too early")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}
