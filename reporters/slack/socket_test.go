package slack

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"testing"
)

// A socket is Slack's end of a WebSocket, as far as Socket Mode goes.
type socket struct {
	conn net.Conn
	r    *bufio.Reader
}

func newSocket(w http.ResponseWriter, r *http.Request) *socket {
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return nil
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n")
	s := &socket{conn, rw.Reader}
	s.frame(1, []byte(`{"type":"hello","num_connections":1}`))
	return s
}

func (s *socket) frame(opcode byte, b []byte) {
	head := []byte{0x80 | opcode, byte(len(b))}
	if len(b) > 125 {
		head = binary.BigEndian.AppendUint16([]byte{0x80 | opcode, 126}, uint16(len(b)))
	}
	_, _ = s.conn.Write(append(head, b...))
}

// send sends a press or an answer, and returns what is acknowledged.
func (s *socket) send(t *testing.T, envelope string, payload any) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{"type": "interactive", "envelope_id": envelope, "accepts_response_payload": true, "payload": payload})
	if err != nil {
		t.Fatal(err)
	}
	s.frame(1, b)
	var ack struct {
		ID      string `json:"envelope_id"`
		Payload json.RawMessage
	}
	if err := json.Unmarshal(s.read(t), &ack); err != nil || ack.ID != envelope {
		t.Fatalf("acknowledged is %q, error is %v", ack.ID, err)
	}
	return string(ack.Payload)
}

// read returns the next text from the other end, which is masked.
func (s *socket) read(t *testing.T) []byte {
	t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(s.r, head); err != nil {
		t.Fatal(err)
	}
	n := int(head[1] & 0x7f)
	if n == 126 {
		long := make([]byte, 2)
		if _, err := io.ReadFull(s.r, long); err != nil {
			t.Fatal(err)
		}
		n = int(binary.BigEndian.Uint16(long))
	}
	b := make([]byte, 4+n)
	if _, err := io.ReadFull(s.r, b); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		b[4+i] ^= b[i%4]
	}
	return b[4:]
}
