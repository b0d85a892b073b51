package flows

import (
	"net/url"
	"slices"

	"github.com/cilium/cilium/api/v1/flow"
	"google.golang.org/protobuf/proto"

	"github.com/segproof/segproof/audit"
)

// maxRequestText bounds each text of a request. A longer one is not known: cut,
// it would be another.
const maxRequestText = 256

// newRequest is what was asked of a proxy, nil if that is of no kind that is
// known.
func newRequest(l *flow.Layer7) *audit.Request {
	r := &audit.Request{Flows: 1}
	switch {
	case l.GetHttp() != nil:
		h := l.GetHttp()
		r.Kind, r.Method, r.Code = audit.HTTPRequest, h.GetMethod(), int(h.GetCode())
		if u, err := url.Parse(h.GetUrl()); err == nil {
			r.Host, r.Path = u.Host, requestPath(u)
		}
	case l.GetDns() != nil:
		r.Kind, r.Name = audit.DNSRequest, l.GetDns().GetQuery()
	case l.GetKafka() != nil: // what Cilium before 1.20 tells
		r.Kind, r.Method, r.Name = audit.KafkaRequest, l.GetKafka().GetApiKey(), l.GetKafka().GetTopic()
	default:
		return nil
	}
	for _, text := range []*string{&r.Method, &r.Path, &r.Host, &r.Name} {
		if len(*text) > maxRequestText {
			*text = ""
		}
	}
	return r
}

// requestPath is the path as the client sent it, with its query string.
func requestPath(u *url.URL) string {
	if u.RawQuery == "" && !u.ForceQuery {
		return u.EscapedPath()
	}
	return u.EscapedPath() + "?" + u.RawQuery
}

// ask counts a kind of request. Those that come first in order are kept, so that
// the order of arrival does not matter: one that had to go never comes back.
func (t *tally) ask(r *audit.Request) {
	i, found := slices.BinarySearchFunc(t.requests, r, func(a audit.Request, b *audit.Request) int { return a.Compare(b) })
	switch {
	case found:
		t.requests[i].Flows += r.Flows
	case i >= audit.MaxRequests:
		t.unkept += r.Flows
	default:
		t.requests = slices.Insert(t.requests, i, *r)
		if n := len(t.requests) - 1; n >= audit.MaxRequests {
			t.unkept += t.requests[n].Flows
			t.requests = t.requests[:n]
		}
	}
}

// asked reads what a proxy saw.
func (r *reader) asked(b []byte) (*audit.Request, error) {
	if known, ok := r.requests.get(b); ok {
		return known, nil
	}
	var l flow.Layer7
	if err := proto.Unmarshal(b, &l); err != nil {
		return nil, errWire
	}
	request := newRequest(&l)
	if len(b) <= maxRemembered {
		r.requests.put(b, request)
	}
	return request, nil
}
