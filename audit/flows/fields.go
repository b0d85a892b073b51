package flows

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// fields goes through the fields of a message. Fixed-width ones and groups,
// which Hubble does not use, have neither value nor bytes.
type fields struct {
	rest   []byte
	number protowire.Number
	kind   protowire.Type
	value  uint64 // of a varint
	bytes  []byte
	broken bool
}

func (f *fields) next() bool {
	if len(f.rest) == 0 {
		return false
	}
	n, m := 0, 0
	f.number, f.kind, n = protowire.ConsumeTag(f.rest)
	if f.broken = n < 0 || f.number > protowire.MaxValidNumber; f.broken {
		return false
	}
	switch f.kind {
	case protowire.VarintType:
		f.value, m = protowire.ConsumeVarint(f.rest[n:])
	case protowire.BytesType:
		f.bytes, m = protowire.ConsumeBytes(f.rest[n:])
	default:
		m = protowire.ConsumeFieldValue(f.number, f.kind, f.rest[n:])
	}
	if f.broken = m < 0; f.broken {
		return false
	}
	f.rest = f.rest[n+m:]
	return true
}

// err is what ended the fields, nil if it was their end.
func (f *fields) err() error {
	if f.broken {
		return errWire
	}
	return nil
}

// A stamp is a time as it is on the wire.
type stamp struct {
	told    bool
	seconds int64
	nanos   int32
}

func (s *stamp) read(b []byte) error {
	s.told = true
	v := fields{rest: b}
	for v.next() {
		switch {
		case v.kind != protowire.VarintType:
		case v.number == 1:
			s.seconds = int64(v.value)
		case v.number == 2:
			s.nanos = int32(v.value)
		}
	}
	return v.err()
}

// Seconds within which a time is surely valid, and countable.
const (
	year1970 = 0
	year2200 = 7258118400
)

// instant is the first time that is told.
func instant(flow, outer *stamp) (int64, error) {
	s := flow
	if !s.told {
		s = outer
	}
	switch {
	case !s.told:
		return nanoseconds()
	case s.seconds >= year1970 && s.seconds < year2200 && s.nanos >= 0 && s.nanos < 1e9:
		return s.seconds*1e9 + int64(s.nanos), nil
	}
	return nanoseconds(&timestamppb.Timestamp{Seconds: s.seconds, Nanos: s.nanos})
}
