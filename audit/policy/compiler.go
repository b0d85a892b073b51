package policy

import (
	"sync"

	"github.com/segproof/segproof/audit"
)

// A Compiler compiles one inventory after another, usually states of one
// cluster. It keeps the latest engine, so that a policy that changed costs no
// more than reading it again and working out anew whom it selects.
type Compiler struct {
	Options Options

	mu     sync.Mutex
	latest *Engine
}

// Compile is like the function of that name. It is safe for concurrent use; the
// inventory must not be changed afterwards.
func (c *Compiler) Compile(inv *audit.Inventory) audit.Engine {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.latest == nil || c.latest.settings.semantics != c.Options.Semantics {
		c.latest = Compile(inv, c.Options)
	} else {
		c.latest = c.latest.With(inv)
	}
	return c.latest
}
