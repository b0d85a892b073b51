package flows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/cilium/api/v1/flow"
	"github.com/cilium/cilium/api/v1/observer"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

var errNoFlow = errors.New("neither a flow nor another record of Hubble's")

// decodeLine reads one line of Hubble's JSON: what `hubble observe -o jsonpb`
// prints, what the exporter writes, or a bare flow as `-o json` printed it
// before Hubble 0.8. Partly says what was passed over in a line that a newer
// Hubble wrote; "" if all was understood.
func decodeLine(line []byte) (event *observer.ExportEvent, partly string, err error) {
	line = bytes.TrimPrefix(line, []byte("\ufeff"))
	event, bare := &observer.ExportEvent{}, &flow.Flow{}
	err = strict().Unmarshal(line, event)
	if err == nil && event.GetResponseTypes() != nil {
		return event, "", nil
	}
	if wrong := syntax(line); wrong != nil {
		return nil, "", wrong
	}
	bareErr := strict().Unmarshal(line, bare)
	if bareErr == nil && isFlow(bare) {
		return wrapped(bare), "", nil
	}
	if wrong := tolerant().Unmarshal(line, event); wrong != nil {
		return nil, "", errors.New(plainError(wrong))
	}
	if event.GetResponseTypes() != nil {
		return event, plainError(err), nil
	}
	if tolerant().Unmarshal(line, bare) != nil || !isFlow(bare) {
		return nil, "", errNoFlow
	}
	return wrapped(bare), plainError(bareErr), nil
}

func isFlow(f *flow.Flow) bool { return f.GetTime() != nil && f.GetEventType() != nil }

func wrapped(f *flow.Flow) *observer.ExportEvent {
	return &observer.ExportEvent{ResponseTypes: &observer.ExportEvent_Flow{Flow: f}}
}

// strict refuses what is unknown, so that it can be told of; hostile nesting it
// refuses early.
func strict() protojson.UnmarshalOptions {
	return protojson.UnmarshalOptions{RecursionLimit: 100, Resolver: anything{}}
}

// tolerant passes over unknown fields and unknown names of enumerations.
func tolerant() protojson.UnmarshalOptions {
	o := strict()
	o.DiscardUnknown = true
	return o
}

// syntax says what is wrong with a line that is no JSON at all.
func syntax(line []byte) error {
	err := json.Unmarshal(line, new(json.RawMessage))
	s, ok := errors.AsType[*json.SyntaxError](err)
	switch {
	case err == nil:
		return nil
	case !ok:
		return fmt.Errorf("not JSON: %w", err)
	case strings.HasPrefix(s.Error(), "unexpected end"):
		return errors.New("cut off in the middle: unexpected end of JSON")
	}
	return fmt.Errorf("not JSON: %w at byte %d", err, s.Offset)
}

// plainError is the text of an error of the protobuf library, which puts one of
// two kinds of space into it at random.
func plainError(err error) string {
	if err == nil {
		return ""
	}
	s := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	return short(strings.TrimPrefix(s, "proto: "))
}

// anything takes every extension to be an empty message: distributions of
// Hubble add some, and a flow must not be lost for one.
type anything struct{}

func (anything) FindMessageByName(protoreflect.FullName) (protoreflect.MessageType, error) {
	return (&observer.ServerStatusRequest{}).ProtoReflect().Type(), nil
}

func (a anything) FindMessageByURL(string) (protoreflect.MessageType, error) {
	return a.FindMessageByName("")
}

func (anything) FindExtensionByName(protoreflect.FullName) (protoreflect.ExtensionType, error) {
	return nil, protoregistry.NotFound
}

func (anything) FindExtensionByNumber(protoreflect.FullName, protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	return nil, protoregistry.NotFound
}
