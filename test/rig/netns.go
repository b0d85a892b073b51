package rig

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// An enclosure is a network and a mount namespace that last as long as the
// process that holds them: programs, maps, devices and routes in it are gone
// with it.
type enclosure struct{ holder *Process }

// The agent changes two settings of the whole kernel; in here they are files that
// only look like them.
const holdScript = `set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/cilium/cgroupv2 /run/netns /run/lock
mount -t sysfs sysfs /sys
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 none /run/cilium/cgroupv2
for k in timer_migration unprivileged_bpf_disabled; do
  cat /proc/sys/kernel/$k > /run/$k
  mount --bind /run/$k /proc/sys/kernel/$k
done
ip link set lo up
touch /run/ready
exec sleep infinity`

func enclose(t testing.TB) *enclosure {
	t.Helper()
	e := &enclosure{}
	e.holder = Start(t, Server{
		Name: "enclosure",
		Command: func() *exec.Cmd {
			c := exec.Command("unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", holdScript)
			c.Env = administrator()
			return c
		},
	})
	Until(t, startTimeout, "the enclosure is there", func() error {
		_, err := os.Stat(e.path("/run/ready"))
		return err
	})
	return e
}

// administrator is our environment with the folders where ip, iptables and the
// like may be.
func administrator() []string {
	return append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
}

// path is where a file of the enclosure is seen from outside.
func (e *enclosure) path(inside string) string {
	return fmt.Sprintf("/proc/%d/root%s", e.holder.PID(), inside)
}

// command runs in the enclosure.
func (e *enclosure) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "nsenter", append([]string{"-t", fmt.Sprint(e.holder.PID()), "-m", "-n", "--"}, args...)...)
	c.Env = administrator()
	return c
}

// within runs in the network of a pod, or of the world.
func (e *enclosure) within(ctx context.Context, netns string, args ...string) *exec.Cmd {
	return e.command(ctx, append([]string{"ip", "netns", "exec", netns}, args...)...)
}

// run runs commands, one a line.
func (e *enclosure) run(t testing.TB, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if out, err := e.command(t.Context(), words...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
		}
	}
}

// An errand is a network operation that is done inside or outside.
type errand[T any] func() (T, error)

// inside does something from within the enclosure's network. What it opens stays
// there: a socket belongs to the network that it was made in.
func inside[T any](e *enclosure, do errand[T]) (T, error) {
	type outcome struct {
		v   T
		err error
	}
	done := make(chan outcome)
	go func() {
		// The thread is never unlocked: it ends with the goroutine, and no other
		// runs on it in the wrong network.
		runtime.LockOSThread()
		var o outcome
		if o.err = enter(e.holder.PID()); o.err == nil {
			o.v, o.err = do()
		}
		done <- o
	}()
	o := <-done
	return o.v, o.err
}

func enter(pid int) error {
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return err
	}
	defer ns.Close()
	return unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
}

// carryIn lets those inside reach an address outside under the same address.
func (e *enclosure) carryIn(t testing.TB, address string) {
	t.Helper()
	l, err := inside(e, func() (net.Listener, error) { return net.Listen("tcp4", address) })
	if err != nil {
		t.Fatalf("listen on %s in the enclosure: %v", address, err)
	}
	carry(t, l, func() (net.Conn, error) { return net.Dial("tcp4", address) })
}

// carryOut lets us reach an address inside, under the address returned.
func (e *enclosure) carryOut(t testing.TB, address string) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	carry(t, l, func() (net.Conn, error) {
		return inside(e, func() (net.Conn, error) { return net.Dial("tcp4", address) })
	})
	return l.Addr().String()
}

// carry joins every connection that comes in with one that it opens, until the
// test ends.
func carry(t testing.TB, from net.Listener, open func() (net.Conn, error)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			a, err := from.Accept()
			if err != nil {
				return
			}
			all.Go(func() { join(ctx, a, open) })
		}
	})
	t.Cleanup(func() {
		cancel()
		from.Close()
		all.Wait()
	})
}

func join(ctx context.Context, a net.Conn, open func() (net.Conn, error)) {
	defer a.Close()
	b, err := open()
	if err != nil {
		return
	}
	defer b.Close()
	defer context.AfterFunc(ctx, func() { a.Close(); b.Close() })()
	var both sync.WaitGroup
	both.Go(func() { copyUntilEnd(b, a) })
	both.Go(func() { copyUntilEnd(a, b) })
	both.Wait()
}

// copyUntilEnd passes the end of one direction on, and leaves the other open.
func copyUntilEnd(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(*net.TCPConn); ok && err == nil {
		_ = half.CloseWrite()
		return
	}
	to.Close()
	from.Close()
}
