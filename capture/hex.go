package capture

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// maxHex bounds one packet of hex text: more than IP can carry.
const maxHex = 1 << 17

// dumpLine is a line as `tcpdump -x` and `-xx` print it: offset, groups of hex,
// perhaps the same as text.
var dumpLine = regexp.MustCompile(`^\s*0x([0-9a-fA-F]{4}):\s+((?:[0-9a-fA-F]{2,4} ?)+)`)

// readHex reads hex text: the dumps of tcpdump, where every offset 0 begins a
// packet, or packets of plain hex with blank lines between them.
func readHex(in *bufio.Reader, each func(Packet) error) (frames int, err error) {
	var digits strings.Builder
	var dump bool
	var strange error // a line that belongs to a dump, or to nothing
	finish := func() error {
		text := digits.String()
		digits.Reset()
		if text == "" {
			return nil
		}
		frames++
		b, err := hex.DecodeString(text)
		if err != nil {
			return fmt.Errorf("packet %d: %w", frames, err)
		}
		p, ok := parseFrame(frames, b)
		if !ok {
			return nil
		}
		return each(p)
	}
	for number := 1; ; number++ {
		line, readErr := in.ReadString('\n')
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return frames, readErr
		}
		m := dumpLine.FindStringSubmatch(line)
		switch {
		case m != nil:
			dump = true
			if m[1] == "0000" {
				err = finish()
			}
			digits.WriteString(strings.ReplaceAll(m[2], " ", ""))
		case dump || strange != nil: // what tcpdump says about the packet
		case strings.TrimSpace(line) == "":
			err = finish()
		default:
			plain := strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", ":", "", "0x", "").Replace(line)
			if strings.Trim(plain, "0123456789abcdefABCDEF") != "" {
				strange = fmt.Errorf("line %d: neither a capture file nor hex: %q", number, clip(line))
				break
			}
			digits.WriteString(plain)
		}
		if err == nil && digits.Len() > maxHex {
			err = fmt.Errorf("line %d: the packet is longer than IP can carry", number)
		}
		if err != nil {
			return frames, err
		}
		if readErr != nil && strange != nil && !dump {
			return frames, strange
		}
		if readErr != nil {
			return frames, finish()
		}
	}
}

func clip(s string) string { return strings.TrimSpace(s[:min(len(s), 60)]) }

// parseFrame finds the OSPF packet in bytes that begin with it, with an IPv4
// header, or with an Ethernet header.
func parseFrame(number int, b []byte) (Packet, bool) {
	first := gopacket.LayerType(layers.LayerTypeIPv4)
	switch {
	case len(b) > 0 && b[0] == 2: // the version of OSPF
		return Packet{Number: number, Data: b}, true
	case len(b) > 14 && b[12] == 8 && b[13] == 0 && b[14]>>4 == 4:
		first = layers.LayerTypeEthernet
	}
	ip, _ := gopacket.NewPacket(b, first, gopacket.NoCopy).Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if ip == nil || ip.Protocol != protocolOSPF {
		return Packet{}, false
	}
	return packetOf(number, time.Time{}, ip), true
}
