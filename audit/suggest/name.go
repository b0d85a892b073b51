package suggest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/segproof/segproof/audit"
)

// longestName is what the API takes for a name that may become a label too.
const longestName = 63

// free is a name that no policy of the kind has yet.
func (w *work) free(kind, namespace, name string) string {
	name = dnsName(name)
	for i := 2; ; i++ {
		if w.declared(audit.Ref{Kind: kind, Namespace: namespace, Name: name}) == nil {
			return name
		}
		name = dnsName(fmt.Sprintf("%s-%d", strings.TrimSuffix(name, fmt.Sprintf("-%d", i-1)), i))
	}
}

// dnsName makes a name that the API takes of one that may hold anything. What is
// too long ends in a hash of the whole.
func dnsName(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if n := b.String(); n != "" && !strings.HasSuffix(n, "-") {
			b.WriteByte('-')
		}
	}
	name := strings.Trim(b.String(), "-")
	if len(name) <= longestName && name != "" {
		return name
	}
	sum := sha256.Sum256([]byte(s))
	hash := hex.EncodeToString(sum[:4])
	return strings.Trim(name[:min(len(name), longestName-len(hash)-1)]+"-"+hash, "-")
}
