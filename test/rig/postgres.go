package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
)

// A Database is a running PostgreSQL.
type Database struct {
	*Process
	URL string // such as postgres://postgres@127.0.0.1:5432/postgres
}

// StartPostgres starts an empty PostgreSQL of this machine's. It trusts whoever
// reaches it on the loopback interface. Settings are as in postgresql.conf, such
// as max_connections=600.
func StartPostgres(t testing.TB, settings ...string) *Database {
	t.Helper()
	Require(t, Postgres)
	bin, err := postgresBin()
	if err != nil {
		t.Fatal(err)
	}
	as, err := postgresUser()
	if err != nil {
		t.Fatal(err)
	}
	// Not the test's folder: the server's user must be able to get there.
	dir, err := os.MkdirTemp("", "rig-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	command := func(name string, args ...string) *exec.Cmd {
		c := exec.Command(filepath.Join(bin, name), args...)
		c.Dir, c.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
		return c
	}
	data := filepath.Join(dir, "data")
	if out, err := command("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	port := strconv.Itoa(freePorts(t, 1)[0])
	args := []string{"-D", data, "-p", port, "-h", "127.0.0.1", "-k", dir}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	p := Start(t, Server{
		Name:    "postgres",
		Command: func() *exec.Cmd { return command("postgres", args...) },
		Ready: func(ctx context.Context) error {
			return exec.CommandContext(ctx, filepath.Join(bin, "pg_isready"), "-h", "127.0.0.1", "-p", port).Run()
		},
	})
	return &Database{p, fmt.Sprintf("postgres://postgres@%s/postgres", net.JoinHostPort("127.0.0.1", port))}
}

// postgresBin finds the newest PostgreSQL that Debian's packages brought.
func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", errors.New("no PostgreSQL below /usr/lib/postgresql: apt-get install postgresql")
	}
	return filepath.Dir(slices.Max(found)), nil
}

// postgresUser is whom the server runs as: it refuses to be root. Nil is us.
func postgresUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err, err2)
}
