// Nt makes and answers traffic, in the place of workloads.
//
//	nt serve tcp:9090 http:8080 udp:123 dns:53=name:ip,name:ip
//	nt dial tcp|http|udp|dns ADDRESS[/NAME] [COUNT [GAP]]
//
// Serve answers until it is ended; dns answers over UDP and TCP. Dial makes COUNT
// connections, each GAP after the one before, and prints how each went.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "nt:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) > 1 && args[0] == "serve":
		return serveAll(args[1:])
	case len(args) > 2 && args[0] == "dial":
		return dialAll(args[1], args[2], args[3:])
	}
	return fmt.Errorf("expected serve KIND:PORT ... or dial KIND ADDRESS [COUNT [GAP]]")
}

// serveAll ends when one of its servers does, which none should.
func serveAll(services []string) error {
	ended := make(chan error)
	for _, s := range services {
		kind, rest, _ := strings.Cut(s, ":")
		port, names, _ := strings.Cut(rest, "=")
		kinds := []string{kind}
		if kind == "dns" {
			kinds = []string{"dns", "dnstcp"}
		}
		for _, k := range kinds {
			go func() { ended <- fmt.Errorf("serve %s: %w", s, serve(k, ":"+port, names)) }()
		}
	}
	return <-ended
}

func dialAll(kind, address string, rest []string) error {
	count, gap := 1, time.Duration(0)
	var err error
	if len(rest) > 0 {
		if count, err = strconv.Atoi(rest[0]); err != nil {
			return err
		}
	}
	if len(rest) > 1 {
		if gap, err = time.ParseDuration(rest[1]); err != nil {
			return err
		}
	}
	tick := time.NewTicker(max(gap, time.Millisecond))
	defer tick.Stop()
	for i := range count {
		if i > 0 {
			<-tick.C
		}
		if err := dial(kind, address); err != nil {
			fmt.Printf("%s failed: %v\n", address, err)
		} else {
			fmt.Printf("%s ok\n", address)
		}
	}
	return nil
}
