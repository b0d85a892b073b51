package rig

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// A Part of the rig, as SEGPROOF_WITHOUT names it.
type Part string

// Parts.
const (
	Kube     Part = "kube"     // etcd and kube-apiserver
	Kyverno  Part = "kyverno"  // Kyverno's controllers
	Hubble   Part = "hubble"   // Hubble's observer and Relay, without a datapath
	Cilium   Part = "cilium"   // Cilium's agent and its eBPF datapath; needs root
	Postgres Part = "postgres" // PostgreSQL, of Debian's packages
	Mounts   Part = "mounts"   // a file system of its own, to fill; needs root
)

// Require fails the test if a part can't run on this machine. A test is only
// skipped where the environment variable SEGPROOF_WITHOUT names the part
// (comma-separated), and then it says aloud that its sentence is not proven.
func Require(t testing.TB, parts ...Part) {
	t.Helper()
	without := strings.Split(os.Getenv("SEGPROOF_WITHOUT"), ",")
	for _, p := range parts {
		if slices.Contains(without, string(p)) {
			fmt.Fprintf(os.Stderr, "\n!!! NOT PROVEN: %s (SEGPROOF_WITHOUT names %s)\n\n", t.Name(), p)
			t.Skipf("not proven: SEGPROOF_WITHOUT names %s", p)
		}
		if err := available(p); err != nil {
			t.Fatalf("%s can't run here: %v\nor set SEGPROOF_WITHOUT=%s to leave out what needs it; nothing of it is proven then", p, err, p)
		}
	}
}

func available(p Part) error {
	if runtime.GOOS != "linux" {
		return errors.New("the rig needs Linux")
	}
	if p == Postgres {
		_, err := postgresBin()
		return err
	}
	if p != Cilium && p != Mounts {
		return nil
	}
	if os.Geteuid() != 0 {
		return errors.New("it needs root")
	}
	if p == Mounts {
		return nil
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		return errors.New("the kernel has no BTF (/sys/kernel/btf/vmlinux)")
	}
	for _, tool := range []string{"ip", "nsenter", "unshare", "sysctl", "iptables", "ipset"} {
		if _, err := findTool(tool); err != nil {
			return fmt.Errorf("%s is missing: apt-get install iproute2 util-linux procps iptables ipset", tool)
		}
	}
	_, err := clang()
	return err
}

// findTool looks where administrators' tools are too: not every root has them
// on the path.
func findTool(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, exec.ErrNotFound)
}

// clang finds a compiler that Cilium takes: 18.1 or later.
func clang() (string, error) {
	for _, version := range []string{"-19", "-20", "-21", "-18"} {
		if path, err := exec.LookPath("clang" + version); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no clang of version 18 or later: apt-get install clang-19 llvm-19")
}
