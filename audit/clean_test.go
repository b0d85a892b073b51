package audit

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestCleanTextStaysAsItIs(t *testing.T) {
	for _, s := range []string{
		"", "Deployment payments/payments-api", "TCP 8080 → 10.0.0.1:8080", "Ümläut", "日本語", "équipe-réseau",
		"e\u0301 combining", `<script> @channel <!here> 100% "quoted" \u202e`, "🙂", "\ufffd",
	} {
		if got := Clean(s); got != s {
			t.Errorf("Clean(%+q) = %+q, want it unchanged", s, got)
		}
	}
}

func TestHiddenCharactersAreWrittenAsEscapes(t *testing.T) {
	for in, want := range map[string]string{
		"a\nb\tc\rd":               `a\nb\tc\u000dd`,
		"\x1b[31mred\x1b[0m":       `\u001b[31mred\u001b[0m`,
		"\x00\x07\x7f\u0085\u009b": `\u0000\u0007\u007f\u0085\u009b`,
		"pay\u202eipa":             `pay\u202eipa`,
		"\u2066x\u2069\u200e":      `\u2066x\u2069\u200e`,
		"zero\u200bwidth\ufeff":    `zero\u200bwidth\ufeff`,
		"soft\u00adhyphen":         `soft\u00adhyphen`,
		"no\u00a0break\u3000":      `no\u00a0break\u3000`,
		"\u2028\u2029":             `\u2028\u2029`,
		"\u3164\u115f\uffa0":       `\u3164\u115f\uffa0`,
		"v\ufe0f\U000e0100":        `v\ufe0f\U000e0100`,
		"tag\U000e0041":            `tag\U000e0041`,
		"blank\u2800":              `blank\u2800`,
		"bad\xff\xfeutf\xc3":       "bad\ufffd\ufffdutf\ufffd",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%+q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzWhatIsCleanedIsVisibleAndStaysSo(f *testing.F) {
	for _, s := range []string{"plain", "a\x00\u202e\xff", "\U000e0001\u3164"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if !utf8.ValidString(got) {
			t.Fatalf("Clean(%+q) = %+q is not UTF-8", s, got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Fatalf("Clean(%+q) = %+q holds %U", s, got, r)
			}
		}
		if again := Clean(got); again != got {
			t.Fatalf("Clean twice gives %+q, once %+q", again, got)
		}
	})
}
