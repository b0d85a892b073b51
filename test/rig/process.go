package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A Process is a server that belongs to a test. It may be stopped, killed and
// started again; when the test ends, it ends.
type Process struct {
	name  string
	log   string
	make  func() *exec.Cmd
	ready func(context.Context) error

	mu  sync.Mutex
	now *running // nil while it does not run
}

// A running process, until ended is closed.
type running struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // after ended
}

// A Server says how a Process is started.
type Server struct {
	Name    string
	Command func() *exec.Cmd            // made anew at every start
	Ready   func(context.Context) error // nil once it serves; nil if there is nothing to wait for
}

const (
	startTimeout = patience
	stopTimeout  = 20 * time.Second
)

// Start starts a server and waits until it is ready. What it writes is kept in
// the test's artifacts, and its end is shown if the test fails.
func Start(t testing.TB, s Server) *Process {
	t.Helper()
	p := &Process{name: s.Name, make: s.Command, ready: s.Ready, log: filepath.Join(t.ArtifactDir(), s.Name+".log")}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s wrote at the end (all of it: go test -artifacts):\n%s", p.name, p.tail())
		}
	})
	p.Start(t)
	return p
}

// Start starts a process that was stopped or killed, and waits until it is
// ready.
func (p *Process) Start(t testing.TB) {
	t.Helper()
	began := time.Now()
	r, err := p.spawn()
	if err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	if err := p.await(t.Context(), r); err != nil {
		t.Fatalf("start %s: %v\n%s", p.name, err, p.tail())
	}
	t.Logf("%s ready after %.1f s", p.name, time.Since(began).Seconds())
}

// spawn starts the command from a thread that lives as long as the process:
// the kernel ends a child when the thread that started it is gone, and so no
// server outlives a test binary that died.
func (p *Process) spawn() (*running, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now != nil {
		return nil, errors.New("it runs already")
	}
	out, err := os.OpenFile(p.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	r := &running{cmd: p.make(), ended: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = out, out
	if r.cmd.SysProcAttr == nil {
		r.cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	r.cmd.SysProcAttr.Setpgid = true
	r.cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		defer out.Close()
		err := r.cmd.Start()
		started <- err
		if err == nil {
			r.err = r.cmd.Wait()
			close(r.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	p.now = r
	return r, nil
}

func (p *Process) await(ctx context.Context, r *running) error {
	if p.ready == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-r.ended:
			return fmt.Errorf("it ended: %w", r.err)
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", err)
		case <-tick.C:
		}
	}
}

// Stop ends a process as an operator would, and waits for it. One that does not
// end in time is killed.
func (p *Process) Stop() { p.end(syscall.SIGTERM) }

// Kill ends a process at once, as a node that loses power does.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

func (p *Process) end(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.now
	if r == nil {
		return
	}
	p.now = nil
	group := -r.cmd.Process.Pid
	_ = syscall.Kill(group, sig)
	select {
	case <-r.ended:
	case <-time.After(stopTimeout):
	}
	_ = syscall.Kill(group, syscall.SIGKILL) // whatever else it started
	<-r.ended
}

// Wait waits until a process has ended by itself, and returns how.
func (p *Process) Wait(ctx context.Context) error {
	p.mu.Lock()
	r := p.now
	p.mu.Unlock()
	if r == nil {
		return errors.New(p.name + " does not run")
	}
	select {
	case <-r.ended:
		return r.err
	case <-ctx.Done():
		return fmt.Errorf("%s still runs: %w", p.name, context.Cause(ctx))
	}
}

// PID is the process's number; 0 while it does not run.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil {
		return 0
	}
	return p.now.cmd.Process.Pid
}

// Log is all that the process wrote, over all of its starts.
func (p *Process) Log() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func (p *Process) tail() string {
	const most = 25
	lines := bytes.Split(bytes.TrimSpace([]byte(p.Log())), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-most):], []byte("\n")))
}
