package flows

import (
	"bytes"
	"cmp"
	"encoding/hex"
)

// A uid is the uuid of a flow in 16 bytes. Zero is none; one that is not
// written as Hubble writes them has a text instead, see [texts].
type uid [16]byte

// uidLength is that of 5 groups of hexadecimal digits with dashes between.
const uidLength = 36

// newUID reads a uuid. It fails where the text could not be told again.
func newUID[T string | []byte](s T) (u uid, ok bool) {
	if len(s) != uidLength {
		return u, false
	}
	n := 0
	for i := range uidLength {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return uid{}, false
			}
			continue
		}
		d, ok := digit(s[i])
		if !ok {
			return uid{}, false
		}
		u[n/2] = u[n/2]<<4 | d
		n++
	}
	return u, u != uid{}
}

func digit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

func (u uid) String() string {
	if u == (uid{}) {
		return ""
	}
	b := make([]byte, 0, uidLength)
	for _, part := range [][]byte{u[:4], u[4:6], u[6:8], u[8:10], u[10:]} {
		if len(b) > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return string(b)
}

// compareIDs orders as the texts of uuids do.
func compareIDs(a uid, aText string, b uid, bText string) int {
	if aText == "" && bText == "" {
		return bytes.Compare(a[:], b[:])
	}
	return cmp.Compare(cmp.Or(aText, a.String()), cmp.Or(bText, b.String()))
}
