package policy

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// selectors keeps those that say the same once, and likewise expressions.
type selectors struct {
	mu       sync.Mutex
	byText   map[string]*selector
	patterns map[string]*pattern
}

// intern returns the selector that says what s does.
func (t *selectors) intern(s *selector) *selector {
	var key strings.Builder
	key.WriteString(fmt.Sprintf("%q", s.doubt))
	for _, q := range s.reqs {
		key.WriteString(fmt.Sprintf(" %d %q %q %q", q.op, q.source, q.key, q.values))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.byText[key.String()]; known != nil {
		return known
	}
	s.index = len(t.byText)
	t.byText[key.String()] = s
	return s
}

func (t *selectors) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byText)
}

// pattern returns what matches a whole text, for an expression that is one.
func (t *selectors) pattern(s string) *pattern {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.patterns[s]
	if p == nil {
		p = &pattern{text: s}
		p.expr, _ = regexp.Compile(`\A(?:` + s + `)\z`)
		t.patterns[s] = p
	}
	return p
}
