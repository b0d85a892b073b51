package rig_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segproof/segproof/test/rig"
)

const childVariable = "SEGPROOF_RIG_CHILD"

func sleeper() *exec.Cmd { return exec.Command("sleep", "1000") }

func TestNoServerOutlivesATestBinaryThatIsKilled(t *testing.T) {
	if os.Getenv(childVariable) != "" {
		p := rig.Start(t, rig.Server{Name: "sleep", Command: sleeper})
		fmt.Fprintf(os.Stdout, "\npid %d\n", p.PID())
		rig.Pause(t, time.Hour)
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), childVariable+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	for lines := bufio.NewScanner(out); pid == 0 && lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "pid "); ok {
			if pid, err = strconv.Atoi(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("the server does not run: %v", err)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	rig.Until(t, 20*time.Second, "the server is gone", func() error {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) && !zombie(pid) {
			return fmt.Errorf("process %d is still there", pid)
		}
		return nil
	})
}

// zombie tells whether a process has ended and only nobody has asked how.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestAProcessThatWasKilledStartsAgain(t *testing.T) {
	p := rig.Start(t, rig.Server{Name: "sleep", Command: sleeper})
	first := p.PID()
	p.Kill()
	p.Kill() // twice is no harm
	p.Start(t)
	if p.PID() == 0 || p.PID() == first {
		t.Errorf("process %d after %d", p.PID(), first)
	}
	p.Stop()
	if p.PID() != 0 {
		t.Error("it still runs")
	}
}
