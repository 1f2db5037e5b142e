// Package capture reads recorded packets: pcap and pcapng files, and hex as
// people paste it. capture.go finds the OSPF packets in the frames of a file,
// hex.go reads text.
package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/ip4defrag"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// Packet is one OSPF packet of a capture. Addresses, TTL and time are zero where
// the capture has none.
type Packet struct {
	Number   int // of the frame, from 1, as other tools count
	Time     time.Time
	Src, Dst netip.Addr
	TTL      uint8
	Data     []byte // OSPF packet, without the IP header
}

// protocolOSPF is the IP protocol number.
const protocolOSPF = 89

// Read reads a capture file or hex text and calls each for every OSPF packet of
// IPv4 until there is no more or each returns an error. It tells how many frames
// there were.
func Read(r io.Reader, each func(Packet) error) (frames int, err error) {
	in := bufio.NewReader(r)
	magic, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	switch {
	case isPcap(magic):
		f, err := pcapgo.NewReader(in)
		if err != nil {
			return 0, fmt.Errorf("read the capture's header: %w", err)
		}
		return readFrames(f, f.LinkType(), each)
	case bytes.Equal(magic, []byte{0x0a, 0x0d, 0x0d, 0x0a}):
		f, err := pcapgo.NewNgReader(in, pcapgo.DefaultNgReaderOptions)
		if err != nil {
			return 0, fmt.Errorf("read the capture's header: %w", err)
		}
		return readFrames(f, f.LinkType(), each)
	}
	return readHex(in, each)
}

// isPcap knows the four magic numbers: both byte orders, micro- and nanoseconds.
func isPcap(b []byte) bool {
	for _, magic := range [][]byte{
		{0xa1, 0xb2, 0xc3, 0xd4}, {0xd4, 0xc3, 0xb2, 0xa1}, {0xa1, 0xb2, 0x3c, 0x4d}, {0x4d, 0x3c, 0xb2, 0xa1},
	} {
		if bytes.Equal(b, magic) {
			return true
		}
	}
	return false
}

func readFrames(f gopacket.PacketDataSource, link layers.LinkType, each func(Packet) error) (frames int, err error) {
	whole := ip4defrag.NewIPv4Defragmenter()
	for {
		data, info, err := f.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return frames, nil
		}
		if err != nil {
			return frames, fmt.Errorf("frame %d: %w", frames+1, err)
		}
		frames++
		ip, _ := gopacket.NewPacket(data, link, gopacket.DecodeOptions{Lazy: true, NoCopy: true}).Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		if ip == nil || ip.Protocol != protocolOSPF {
			continue
		}
		if ip, err = whole.DefragIPv4(ip); err != nil || ip == nil {
			continue // a fragment that fits no packet, or not its last one
		}
		if err := each(packetOf(frames, info.Timestamp, ip)); err != nil {
			return frames, err
		}
	}
}

func packetOf(number int, at time.Time, ip *layers.IPv4) Packet {
	p := Packet{Number: number, Time: at, TTL: ip.TTL, Data: ip.Payload}
	p.Src, _ = netip.AddrFromSlice(ip.SrcIP.To4())
	p.Dst, _ = netip.AddrFromSlice(ip.DstIP.To4())
	return p
}
