package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"time"

	"github.com/segproof/segproof/audit"
)

// bodyVersion is the first byte of each body. What has been written once is
// read for ever: a change of the layout or of words is a new version.
const bodyVersion = 1

// words known to both sides. They are referred to by their place, as is every
// text that was written before in the same body.
func words() []string {
	return []string{
		"", "TCP", "UDP", "SCTP", "ICMPv4", "ICMPv6", "other", "egress", "ingress", "FORWARDED", "DROPPED", "REDIRECTED", "AUDIT",
		"policy-verdict", "drop", "delivered", "left", "l7", "seen", "POLICY_DENIED", "POLICY_DENY", "NetworkPolicy",
		"CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job",
		"CronJob", "Pod", "kube-system", "default", "http", "dns", "kafka", "GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "/",
	}
}

// An encoder writes bodies one after another.
type encoder struct {
	known map[string]uint64 // words, and then the texts of this body
	fresh []string          // the latter
	hash  func(audit.Labels) labelsHash
	b     []byte
}

func newEncoder(hash func(audit.Labels) labelsHash) *encoder {
	e := &encoder{known: map[string]uint64{}, hash: hash}
	for i, w := range words() {
		e.known[w] = uint64(i + 1)
	}
	return e
}

// body is a conversation without its labels, of which only the hashes are in it.
func (e *encoder) body(c *audit.Conversation) []byte {
	e.b = append(e.b[:0], bodyVersion)
	e.moment(c.Interval)
	e.peer(&c.From)
	e.peer(&c.To)
	e.texts(string(c.Protocol), string(c.Event), string(c.Direction), string(c.Verdict), c.Reason)
	e.number(uint64(c.Port))
	e.number(uint64(c.Match))
	e.number(uint64(len(c.Policies)))
	for _, p := range c.Policies {
		e.texts(p.Kind, p.Namespace, p.Name)
		e.uuid(p.UID)
	}
	e.number(uint64(len(c.Allowed)))
	e.texts(c.Allowed...)
	e.counts(c)
	for _, w := range e.fresh {
		delete(e.known, w)
	}
	e.fresh = e.fresh[:0]
	return bytes.Clone(e.b)
}

// counts are what grows. Times are told as the distance from the first.
func (e *encoder) counts(c *audit.Conversation) {
	e.number(c.Flows)
	e.number(c.Opened)
	e.moment(c.First)
	for _, t := range []time.Time{c.Last, c.FirstOpen, c.LastOpen} {
		e.after(t, c.First)
	}
	e.number(uint64(len(c.Opens)))
	for _, o := range c.Opens {
		e.b = binary.BigEndian.AppendUint64(e.b, o.Hash)
		e.after(o.At, c.First)
	}
	e.number(uint64(len(c.Nodes)))
	e.texts(c.Nodes...)
	e.number(uint64(len(c.Samples)))
	for _, s := range c.Samples {
		e.after(s.Time, c.First)
		e.uuid(s.UUID)
		e.texts(s.Node, s.From, s.To, s.Address, s.Summary)
		e.number(uint64(len(s.Names)))
		e.texts(s.Names...)
	}
	e.requests(c)
}

func (e *encoder) requests(c *audit.Conversation) {
	e.number(uint64(len(c.Requests)))
	for _, r := range c.Requests {
		e.texts(string(r.Kind), r.Method, r.Path, r.Host, r.Name)
		e.number(uint64(r.Code))
		e.number(r.Flows)
	}
	e.number(c.Unkept)
}

func (e *encoder) number(n uint64) { e.b = binary.AppendUvarint(e.b, n) }

func (e *encoder) moment(t time.Time) { e.after(t, time.Unix(0, 0)) }

func (e *encoder) after(t, from time.Time) {
	e.b = binary.AppendVarint(e.b, t.Unix()-from.Unix())
	e.number(uint64(t.Nanosecond()))
}

func (e *encoder) peer(p *audit.Peer) {
	h := e.hash(p.Labels)
	e.b = append(e.b, h[:]...)
	e.texts(p.Namespace, p.Workload.Kind, p.Workload.Namespace, p.Workload.Name)
	e.address(p.IP)
}

// address writes the address as a text of 0, 4 or 16 bytes and its zone.
func (e *encoder) address(a netip.Addr) {
	e.texts(string(a.WithZone("").AsSlice()), a.Zone())
}

// texts writes 0 and the text, or the place of what is known already.
func (e *encoder) texts(ss ...string) {
	for _, s := range ss {
		if at, ok := e.known[s]; ok {
			e.number(at)
			continue
		}
		e.number(0)
		e.raw(s)
		e.known[s] = uint64(len(e.known) + 1)
		e.fresh = append(e.fresh, s)
	}
}

func (e *encoder) raw(s string) {
	e.number(uint64(len(s)))
	e.b = append(e.b, s...)
}

// uuid takes 17 bytes for what is a UUID as everybody writes it.
func (e *encoder) uuid(s string) {
	if u, ok := parseUUID(s); ok {
		e.b = append(append(e.b, 1), u[:]...)
		return
	}
	e.b = append(e.b, 0)
	e.raw(s)
}

func parseUUID(s string) (u [16]byte, ok bool) {
	if len(s) != 36 {
		return u, false
	}
	digits := s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	if _, err := hex.Decode(u[:], []byte(digits)); err != nil {
		return u, false
	}
	return u, formatUUID(u) == s
}

func formatUUID(u [16]byte) string {
	b := make([]byte, 0, 36)
	for i, part := range [][]byte{u[:4], u[4:6], u[6:8], u[8:10], u[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return string(b)
}
