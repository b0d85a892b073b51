package deploy

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"unsafe"

	ciliumapi "github.com/cilium/cilium/pkg/api"
	"golang.org/x/sys/unix"

	"github.com/segproof/segproof/test/rig"
)

// Cilium's own code gives the socket its rights, in a folder like the agent's. There
// is no group cilium here, as there is none in the agent's image.
func TestACollectorOpensHubblesSocketAsNobodyInItsGroup(t *testing.T) {
	rig.Require(t, rig.Mounts)
	x := templates(t, decode(t, render(t, filepath.Join(chart, "ci", "collect-values.yaml"))))[0]
	s := x.pod.Spec.SecurityContext
	if len(s.SupplementalGroups) != 1 {
		t.Fatalf("a collector is in the groups %v", s.SupplementalGroups)
	}
	dir := agentFolder(t)
	us := identity{int(*s.RunAsUser), int(*s.RunAsGroup), []int{int(s.SupplementalGroups[0])}}
	if err := us.connect(dir); err != nil {
		t.Errorf("as %+v: %v", us, err)
	}
	for _, other := range []identity{{us.user, us.group, nil}, {us.user, us.group, []int{1000}}} {
		if err := other.connect(dir); !errors.Is(err, unix.EACCES) {
			t.Errorf("as %+v: want permission denied, got %v", other, err)
		}
	}
	if root := (identity{0, 0, nil}); root.connect(dir) != nil {
		t.Error("root without capabilities may not, either")
	}
}

// agentFolder is a folder with the socket hubble.sock.
func agentFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/run", "cilium")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // as kubelet makes it
		t.Fatal(err)
	}
	path := filepath.Join(dir, "hubble.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := ciliumapi.SetDefaultPermissions(func(string, ...any) {}, path); err != nil {
		t.Fatal(err)
	}
	return dir
}

// An identity is what the kernel asks a process for.
type identity struct {
	user, group int
	more        []int
}

// connect opens the socket in a folder that is mounted read-only, without any
// capability. It all happens in a thread that ends with it.
func (i identity) connect(dir string) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocks: the thread ends
		done <- i.connectHere(dir)
	}()
	return <-done
}

func (i identity) connectHere(dir string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("a mount namespace: %w", err)
	}
	for _, m := range []struct {
		source, target string
		flags          uintptr
	}{
		{"", "/", unix.MS_REC | unix.MS_PRIVATE},
		{dir, dir, unix.MS_BIND},
		{"", dir, unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY},
	} {
		if err := unix.Mount(m.source, m.target, "", m.flags, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o600); !errors.Is(err, unix.EROFS) {
		return fmt.Errorf("the folder is not read-only: %w", err)
	}
	if err := i.become(); err != nil {
		return fmt.Errorf("become %+v: %w", i, err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrUnix{Name: filepath.Join(dir, "hubble.sock")})
}

// become changes this thread alone, which the functions of package unix don't.
func (i identity) become() error {
	groups := make([]uint32, len(i.more)+1) // one more than there are, for an address
	for n, g := range i.more {
		groups[n] = uint32(g)
	}
	if err := setGroups(groups, len(i.more)); err != nil {
		return err
	}
	for _, call := range []struct {
		number uintptr
		id     int
	}{{unix.SYS_SETRESGID, i.group}, {unix.SYS_SETRESUID, i.user}} {
		if _, _, errno := unix.RawSyscall(call.number, uintptr(call.id), uintptr(call.id), uintptr(call.id)); errno != 0 {
			return errno
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}

func setGroups(groups []uint32, n int) error {
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(n), uintptr(unsafe.Pointer(&groups[0])), 0); errno != 0 {
		return errno
	}
	return nil
}
