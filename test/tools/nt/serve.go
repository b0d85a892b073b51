package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

func serve(kind, address, names string) error {
	records := map[string]net.IP{}
	for pair := range strings.SplitSeq(names, ",") {
		name, ip, _ := strings.Cut(pair, ":")
		records[name] = net.ParseIP(ip).To4()
	}
	switch kind {
	case "http":
		hello := func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok", r.URL.Path) }
		return http.ListenAndServe(address, http.HandlerFunc(hello))
	case "tcp":
		return accept(address, func(c net.Conn) { _, _ = io.Copy(c, c) })
	case "dnstcp":
		return accept(address, func(c net.Conn) { answerTCP(c, records) })
	case "udp":
		return packets(address, func(q []byte) []byte { return q })
	case "dns":
		return packets(address, func(q []byte) []byte { return answer(q, records) })
	}
	return fmt.Errorf("no such kind: %s", kind)
}

func accept(address string, with func(net.Conn)) error {
	l, err := net.Listen("tcp4", address)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			with(c)
		}()
	}
}

func packets(address string, with func([]byte) []byte) error {
	p, err := net.ListenPacket("udp4", address)
	if err != nil {
		return err
	}
	b := make([]byte, 512)
	for {
		n, from, err := p.ReadFrom(b)
		if err != nil {
			return err
		}
		if reply := with(b[:n]); reply != nil {
			_, _ = p.WriteTo(reply, from)
		}
	}
}

func answerTCP(c net.Conn, records map[string]net.IP) {
	b := make([]byte, 2048)
	n, err := c.Read(b)
	if err != nil || n < 2 {
		return
	}
	if a := answer(b[2:n], records); a != nil {
		_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...))
	}
}

// answer answers a query for an address; nil if it is none.
func answer(q []byte, records map[string]net.IP) []byte {
	var labels []string
	i := 12
	for i < len(q) && q[i] != 0 {
		end := i + 1 + int(q[i])
		if end > len(q) {
			return nil
		}
		labels = append(labels, string(q[i+1:end]))
		i = end
	}
	if i+5 > len(q) {
		return nil
	}
	r := append([]byte(nil), q[:i+5]...)
	r[2], r[3] = 0x85, 0x80
	binary.BigEndian.PutUint16(r[10:], 0)
	ip := records[strings.ToLower(strings.Join(labels, "."))]
	if ip == nil {
		r[3] = 0x83 // there is no such name
		return r
	}
	binary.BigEndian.PutUint16(r[6:], 1)
	return append(append(r, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4), ip...)
}
