package main

import (
	"slices"
	"strings"
	"testing"
)

func TestAManualPageNamesTheCommandsAndLeavesThemAsTheyAre(t *testing.T) {
	help := "Proves it.\n\nUsage:\n  segproof [command]\n\nCommands:\n  audit       Audit once\n  completion  For shells\n  help        Help\n  watch       Follow\n\nFlags:\n  -h, --help   help\n"
	names := commands(help)
	if want := []string{"audit", "watch"}; !slices.Equal(names, want) {
		t.Fatalf("commands %q, want %q", names, want)
	}
	got := page("segproof", help, names)
	for _, want := range []string{".TH SEGPROOF 1", ".SH NAME\nsegproof \\- Proves it\n", ".SH USAGE\n", ".BR segproof\\-audit (1)\n.BR segproof\\-watch (1)\n", "\\-h, \\-\\-help"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q:\n%s", want, got)
		}
	}
	if want := []string{"audit", "watch"}; !slices.Equal(names, want) {
		t.Errorf("a page changed the commands to %q", names)
	}
}
