package speaker

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// datagram builds an IPv4 datagram with a header of words 32-bit words.
func datagram(words int, payload []byte) []byte {
	b := make([]byte, words*4, words*4+len(payload))
	b[0] = 4<<4 | byte(words)
	binary.BigEndian.PutUint16(b[2:], uint16(words*4+len(payload)))
	b[8], b[9] = 1, ospfProtocol
	copy(b[12:], []byte{10, 0, 0, 1})
	copy(b[16:], []byte{224, 0, 0, 5})
	for i := 20; i < words*4; i++ {
		b[i] = 1 // no-operation option
	}
	return append(b, payload...)
}

func checksum(b []byte) {
	b[10], b[11] = 0, 0
	var sum uint32
	for i := 0; i+1 < min(len(b), int(b[0]&15)*4); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
}

var ipv4Cases = []struct {
	name   string
	mutate func(b []byte) []byte
	words  int
	ok     bool
}{
	{"plain", nil, 5, true},
	{"40 bytes of options", nil, 15, true},
	{"bytes behind the total length", func(b []byte) []byte { return append(b, 0xee, 0xee) }, 5, true},
	{"header length 16", func(b []byte) []byte { b[0] = 0x44; return b }, 5, false},
	{"header length 0", func(b []byte) []byte { b[0] = 0x40; return b }, 5, false},
	{"header longer than the datagram", func(b []byte) []byte { b[0], b[3] = 0x4f, 40; return b }, 5, false},
	{"total length beyond the bytes", func(b []byte) []byte { b[2] = 0xff; return b }, 5, false},
	{"total length below the header", func(b []byte) []byte { b[2], b[3] = 0, 19; return b }, 5, false},
	{"version 6", func(b []byte) []byte { b[0] = 0x65; return b }, 5, false},
	{"first fragment", func(b []byte) []byte { b[6] = 0x20; return b }, 5, false},
	{"later fragment of another datagram", func(b []byte) []byte { b[5], b[7] = 9, 5; return b }, 5, false},
}

func TestParseIPv4(t *testing.T) {
	t.Parallel()
	payload := ospfBytes(1, 9)
	for _, c := range ipv4Cases {
		b := datagram(c.words, payload)
		if c.mutate != nil {
			b = c.mutate(b)
		}
		h, got, ok := parseIPv4(b)
		if ok != c.ok {
			t.Errorf("%s: accepted %v, want %v", c.name, ok, c.ok)
		}
		if ok && (!bytes.Equal(got, payload) || h.src != addrOf(0, 0).Next() || h.dst != allSPF || h.ttl != 1) {
			t.Errorf("%s: %+v %x", c.name, h, got)
		}
	}
	whole := datagram(15, payload)
	for n := range whole {
		if _, _, ok := parseIPv4(whole[:n]); ok {
			t.Errorf("accepted when cut at %d of %d bytes", n, len(whole))
		}
	}
}

func FuzzParseIPv4(f *testing.F) {
	f.Add(datagram(5, ospfBytes(1, 0)))
	f.Add(datagram(15, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, payload, ok := parseIPv4(b); ok && len(payload) > len(b)-ipv4MinHeader {
			t.Errorf("payload of %d bytes in a datagram of %d", len(payload), len(b))
		}
	})
}

// The same datagrams from a hostile neighbour, through the kernel: what is
// sound arrives, nothing else does, and the loop lives on.
func TestHostileDatagrams(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 1)
	a := newStation(t, n.a)
	payload := ospfBytes(4, 9)
	sound := 0
	<-inNamespace(t, n.b, func() {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer unix.Close(fd)
		link, err := net.InterfaceByName("v0")
		if err != nil {
			t.Error(err)
			return
		}
		to := unix.SockaddrLinklayer{Protocol: 0x0008, Ifindex: link.Index, Halen: 6, Addr: [8]byte{1, 0, 0x5e, 0, 0, 5}}
		send := func(name string, b []byte) {
			checksum(b)
			if err := unix.Sendto(fd, b, 0, &to); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, c := range ipv4Cases {
			b := datagram(c.words, payload)
			copy(b[12:], []byte{10, 0, 0, 1})
			if c.mutate != nil {
				b = c.mutate(b)
			}
			send(c.name, b)
			if c.ok {
				sound++
			}
		}
		for cut := range 24 { // runts reach the engine, which counts them
			send("runt", datagram(5, payload[:cut]))
			sound++
		}
		send("last", datagram(5, ospfBytes(5, 1)))
		sound++
	})
	last := func() bool {
		n := len(a.received)
		return n > 0 && len(a.received[n-1].Data) > 1 && a.received[n-1].Data[1] == 5
	}
	a.until(t, "last datagram", last)
	if got := a.take(); len(got) != sound {
		t.Errorf("%d datagrams arrived, want %d: %v", len(got), sound, got)
	}
}
