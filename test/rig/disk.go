package rig

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A Disk is a small file system in a mount namespace that holds it: it is gone
// with the processes in it.
type Disk struct {
	holder *Process
	mount  string
}

// StartDisk makes a disk of that size, such as 8m.
func StartDisk(t testing.TB, size string) *Disk {
	t.Helper()
	d := &Disk{mount: runDir(t)}
	script := `mount -t tmpfs -o size="$1" tmpfs "$0" && touch "$0/ready" && exec sleep infinity`
	d.holder = Start(t, Server{Name: "disk", Command: func() *exec.Cmd {
		return exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", script, d.mount, size)
	}})
	Until(t, startTimeout, "the disk is there", func() error {
		_, err := os.Stat(d.outside("ready"))
		return err
	})
	return d
}

// Path is that of a file on the disk, for what runs beside it.
func (d *Disk) Path(file string) string { return filepath.Join(d.mount, file) }

// outside is where we see a file on the disk.
func (d *Disk) outside(file string) string {
	return fmt.Sprintf("/proc/%d/root%s", d.holder.PID(), d.Path(file))
}

// Watch is [Watch] beside the disk.
func (d *Disk) Watch(t testing.TB, args ...string) *Daemon {
	t.Helper()
	enter := []string{"-t", fmt.Sprint(d.holder.PID()), "-m", "--", segproof(t), "watch"}
	return startDaemon(t, "segproof-watch", func(args []string) *exec.Cmd { return exec.Command("nsenter", append(enter, args...)...) }, args)
}

const filler = "filler"

// Fill leaves no byte free.
func (d *Disk) Fill(t testing.TB) {
	t.Helper()
	f, err := os.Create(d.outside(filler))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, os.Getpagesize())
	for err == nil {
		_, err = f.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("fill the disk: %v", err)
	}
}

// Free removes what filled the disk.
func (d *Disk) Free(t testing.TB) {
	t.Helper()
	if err := os.Remove(d.outside(filler)); err != nil {
		t.Fatal(err)
	}
}
