package capture

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// hello stands for an OSPF packet; what is in it does not matter here.
var hello = append([]byte{2, 1, 0, 44}, bytes.Repeat([]byte{0xab}, 40)...)

func ip(protocol layers.IPProtocol, flags layers.IPv4Flag, offset int, payload []byte) []byte {
	b := gopacket.NewSerializeBuffer()
	h := &layers.IPv4{
		Version: 4, TTL: 1, Id: 7, Protocol: protocol, Flags: flags, FragOffset: uint16(offset / 8),
		SrcIP: net.IP{10, 0, 0, 1}, DstIP: net.IP{224, 0, 0, 5},
	}
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(b, options, h, gopacket.Payload(payload)); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func ethernet(b []byte) []byte {
	return append([]byte{1, 0, 0x5e, 0, 0, 5, 2, 0, 0, 0, 0, 1, 8, 0}, b...)
}

var when = time.Date(2026, 11, 1, 12, 0, 0, 1000, time.UTC)

func pcap(link layers.LinkType, frames ...[]byte) string {
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	w.WriteFileHeader(65536, link)
	for _, f := range frames {
		w.WritePacket(gopacket.CaptureInfo{Timestamp: when, CaptureLength: len(f), Length: len(f)}, f)
	}
	return b.String()
}

func pcapng(link layers.LinkType, frames ...[]byte) string {
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriter(&b, link)
	if err != nil {
		panic(err)
	}
	for _, f := range frames {
		w.WritePacket(gopacket.CaptureInfo{Timestamp: when, CaptureLength: len(f), Length: len(f)}, f)
	}
	w.Flush()
	return b.String()
}

// dump is the output of tcpdump -x, or -xx for frames that begin with Ethernet.
func dump(frames ...[]byte) string {
	var b strings.Builder
	for _, f := range frames {
		b.WriteString("12:00:00.000001 IP 10.0.0.1 > 224.0.0.5: OSPFv2, Hello, length 44\n")
		for at := 0; at < len(f); at += 16 {
			fmt.Fprintf(&b, "\t0x%04x: ", at)
			for i := at; i < min(at+16, len(f)); i += 2 {
				fmt.Fprintf(&b, " %x", f[i:min(i+2, len(f))])
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func TestRead(t *testing.T) {
	packet := ip(89, 0, 0, hello)
	other := ip(layers.IPProtocolUDP, 0, 0, make([]byte, 8))
	sll := append([]byte{0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0}, packet...)
	long := append([]byte{2, 4, 0x05, 0xdc}, bytes.Repeat([]byte{0xcd}, 1496)...)
	first, last := ip(89, layers.IPv4MoreFragments, 0, long[:800]), ip(89, 0, 800, long[800:])
	plain := hex.EncodeToString(hello)
	for name, c := range map[string]struct {
		in     string
		frames int
		want   string // frame number and payload of each packet
		bare   bool   // without addresses
		err    string
	}{
		"ethernet":       {in: pcap(layers.LinkTypeEthernet, ethernet(packet)), frames: 1, want: "1 " + plain},
		"raw":            {in: pcap(layers.LinkTypeRaw, packet), frames: 1, want: "1 " + plain},
		"cooked":         {in: pcap(layers.LinkTypeLinuxSLL, sll), frames: 1, want: "1 " + plain},
		"pcapng":         {in: pcapng(layers.LinkTypeEthernet, ethernet(other), ethernet(packet)), frames: 2, want: "2 " + plain},
		"fragments":      {in: pcap(layers.LinkTypeRaw, first, packet, last), frames: 3, want: "2 " + plain + " 3 " + hex.EncodeToString(long)},
		"empty capture":  {in: pcap(layers.LinkTypeRaw), frames: 0},
		"cut capture":    {in: pcap(layers.LinkTypeRaw, packet, packet)[:130], frames: 1, want: "1 " + plain, err: "frame 2"},
		"noise":          {in: pcap(layers.LinkTypeRaw, []byte{0x45}, nil, bytes.Repeat([]byte{0xff}, 60)), frames: 3},
		"dump":           {in: dump(packet, packet), frames: 2, want: "1 " + plain + " 2 " + plain},
		"ethernet dump":  {in: dump(ethernet(packet)), frames: 1, want: "1 " + plain},
		"hex of OSPF":    {in: plain, frames: 1, want: "1 " + plain, bare: true},
		"hex of IP":      {in: hex.EncodeToString(packet) + "\n", frames: 1, want: "1 " + plain},
		"hex, two":       {in: plain + "\n\n" + plain[:40] + "\n" + plain[40:], frames: 2, want: "1 " + plain + " 2 " + plain, bare: true},
		"hex, colons":    {in: "02:01 0x00\t2c", frames: 1, want: "1 0201002c", bare: true},
		"nothing":        {in: "", frames: 0},
		"odd hex":        {in: "020", frames: 1, err: "packet 1: encoding/hex: odd length"},
		"prose":          {in: "0201\nhello world\n", err: `line 2: neither a capture file nor hex: "hello world"`},
		"too long":       {in: strings.Repeat("00", maxHex), err: "longer than IP can carry"},
		"no OSPF in hex": {in: hex.EncodeToString(other), frames: 1},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			frames, err := Read(strings.NewReader(c.in), func(p Packet) error {
				got = append(got, fmt.Sprint(p.Number), hex.EncodeToString(p.Data))
				if !c.bare && (p.Src.String() != "10.0.0.1" || p.Dst.String() != "224.0.0.5" || p.TTL != 1) {
					t.Errorf("addresses: %+v", p)
				}
				if strings.HasPrefix(c.in, "\xd4") && !p.Time.Equal(when) {
					t.Errorf("time %v", p.Time)
				}
				return nil
			})
			if strings.Join(got, " ") != c.want || frames != c.frames {
				t.Errorf("%d frames, packets %v", frames, got)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}

// Whatever a file holds: no panic, no endless reading.
func FuzzRead(f *testing.F) {
	packet := ip(89, 0, 0, hello)
	f.Add([]byte(pcap(layers.LinkTypeEthernet, ethernet(packet))))
	f.Add([]byte(pcapng(layers.LinkTypeRaw, packet)))
	f.Add([]byte(dump(packet)))
	f.Fuzz(func(t *testing.T, b []byte) {
		packets := 0
		frames, _ := Read(bytes.NewReader(b), func(Packet) error { packets++; return nil })
		if packets > frames || frames > len(b) {
			t.Errorf("%d packets in %d frames of %d bytes", packets, frames, len(b))
		}
	})
}
