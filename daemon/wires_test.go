package daemon

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Ports by which rules of a test tell flows apart.
const (
	portStay = 7001
	portMove = 7002
)

// wires are two links into the namespace of the test, held by packet sockets at
// their other ends: whatever comes out there was forwarded, and nothing answers by itself.
type wires struct {
	space string
	fd    [2]int
	index [2]int
	mac   [2][8]byte // of the hub's ends
}

func newWires(t *testing.T) *wires {
	w := &wires{space: fmt.Sprintf("ec-wires-%d-%d", os.Getpid(), unix.Gettid())}
	command(t, "ip", "netns", "add", w.space)
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", w.space).Run() })
	return w
}

func command(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// hub makes a link of the test's namespace with a route through it.
func (w *wires) hub(t *testing.T, side int, name, prefix string) {
	t.Helper()
	far := fmt.Sprintf("far%d", side)
	command(t, "ip", "link", "add", name, "type", "veth", "peer", "name", far, "netns", w.space)
	command(t, "ip", "addr", "add", fmt.Sprintf("10.9.%d.1/30", side+1), "dev", name)
	command(t, "ip", "link", "set", name, "up")
	command(t, "ip", "-n", w.space, "link", "set", far, "up")
	command(t, "ip", "neigh", "replace", fmt.Sprintf("10.9.%d.2", side+1), "lladdr", "02:00:00:00:00:02", "nud", "permanent", "dev", name)
	command(t, "ip", "route", "add", prefix, "via", fmt.Sprintf("10.9.%d.2", side+1))
	l, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	copy(w.mac[side][:], l.HardwareAddr)
	w.fd[side], w.index[side] = w.open(t, far)
}

// open gives a packet socket at a far end.
func (w *wires) open(t *testing.T, link string) (fd, index int) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		done <- func() error {
			there, err := netns.GetFromName(w.space)
			if err != nil {
				return err
			}
			defer there.Close()
			if err := netns.Set(there); err != nil {
				return err
			}
			l, err := net.InterfaceByName(link)
			if err != nil {
				return err
			}
			const ethIP = unix.ETH_P_IP>>8 | unix.ETH_P_IP&0xff<<8 // in network order
			if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, ethIP); err != nil {
				return err
			}
			index = l.Index
			timeout := unix.NsecToTimeval(int64(20 * time.Millisecond))
			if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
				return err
			}
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20); err != nil {
				return err
			}
			return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: ethIP, Ifindex: l.Index})
		}()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd, index
}

// send puts a packet into the hub.
func (w *wires) send(side int, b []byte) error {
	to := unix.SockaddrLinklayer{Protocol: unix.ETH_P_IP>>8 | unix.ETH_P_IP&0xff<<8, Ifindex: w.index[side], Halen: 6, Addr: w.mac[side]}
	return unix.Sendto(w.fd[side], b, 0, &to)
}

// wireFlow is a flow between the far ends, from side 0 to side 1. Its packets
// are numbered in each direction.
type wireFlow struct {
	ends [2]netip.Addr
	port uint16 // of side 1
	tcp  bool
	move int // the prefix that it depends on, -1 for none

	seq  [2]uint32 // of TCP
	sent [2][]time.Duration
	got  [2][]bool
}

// The flags of the TCP header.
const (
	wireSYN = 0x02
	wireACK = 0x10
)

// packet is the next one from a side; its number and the flow's are the payload.
func (f *wireFlow) packet(number, side int, flags byte) []byte {
	header := 8
	if f.tcp {
		header = 20
	}
	b := make([]byte, 20+header+8)
	b[0], b[8], b[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	from, to := f.ends[side].As4(), f.ends[1-side].As4()
	copy(b[12:], from[:])
	copy(b[16:], to[:])
	ports := [2]uint16{uint16(10_000 + number), f.port}
	binary.BigEndian.PutUint16(b[20:], ports[side])
	binary.BigEndian.PutUint16(b[22:], ports[1-side])
	payload := b[20+header:]
	binary.BigEndian.PutUint32(payload, uint32(number))
	binary.BigEndian.PutUint32(payload[4:], uint32(len(f.sent[side])))
	if f.tcp {
		b[9] = unix.IPPROTO_TCP
		binary.BigEndian.PutUint32(b[24:], f.seq[side])
		if flags&wireACK != 0 {
			binary.BigEndian.PutUint32(b[28:], f.seq[1-side])
		}
		b[32], b[33] = 5<<4, flags
		binary.BigEndian.PutUint16(b[34:], 0xffff)
		f.seq[side] += 8
		if flags&wireSYN != 0 {
			f.seq[side]++
		}
		binary.BigEndian.PutUint16(b[36:], wireChecksum(b))
	} else {
		binary.BigEndian.PutUint16(b[24:], uint16(len(b)-20))
	}
	binary.BigEndian.PutUint16(b[10:], onesComplement(b[:20], 0))
	return b
}

// wireChecksum is that of RFC 9293 3.1: conntrack calls a packet with a wrong one invalid.
func wireChecksum(b []byte) uint16 {
	return onesComplement(b[12:], unix.IPPROTO_TCP+uint32(len(b)-20))
}

func onesComplement(b []byte, sum uint32) uint16 {
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// wireLoad sends packets of flows and notes which come out.
type wireLoad struct {
	w     *wires
	flows []*wireFlow
	start time.Time

	mu      sync.Mutex // seq, sent and got of the flows
	closing chan struct{}
	failed  error
	done    sync.WaitGroup
}

func (l *wireLoad) clock() time.Duration { return time.Since(l.start) }

// startLoad opens the flows and keeps them busy, each with a packet a second
// in each direction.
func startLoad(t *testing.T, w *wires, flows []*wireFlow) *wireLoad {
	l := &wireLoad{w: w, flows: flows, start: time.Now(), closing: make(chan struct{})}
	reading := sync.WaitGroup{}
	stop := make(chan struct{})
	for side := range 2 {
		reading.Go(func() { l.read(side, stop) })
	}
	t.Cleanup(func() { close(stop); reading.Wait() })
	for side, flags := range []byte{wireSYN, wireSYN | wireACK} {
		for i := range flows {
			l.put(i, side, flags)
		}
		l.settle(t, time.Second)
	}
	l.done.Go(l.run)
	return l
}

// put sends the next packet of a flow.
func (l *wireLoad) put(i, side int, flags byte) {
	f := l.flows[i]
	l.mu.Lock()
	b := f.packet(i, side, flags)
	f.sent[side], f.got[side] = append(f.sent[side], l.clock()), append(f.got[side], false)
	l.mu.Unlock()
	if err := l.w.send(side, b); err != nil {
		l.failed = err
	}
}

// run goes round all flows once a second. The answers of a flow come half a round
// after its packets, so that what they acknowledge has passed.
func (l *wireLoad) run() {
	const slices = 100
	n := len(l.flows)
	tick := time.NewTicker(time.Second / slices)
	defer tick.Stop()
	for k := 0; ; k++ {
		for i := k % slices * n / slices; i < (k%slices+1)*n/slices; i++ {
			l.put(i, 0, wireACK)
			l.put((i+n/2)%n, 1, wireACK)
		}
		select {
		case <-l.closing:
			return
		case <-tick.C:
		}
	}
}

// read notes what comes out on a side.
func (l *wireLoad) read(side int, stop chan struct{}) {
	b := make([]byte, 2000)
	for {
		n, err := unix.Read(l.w.fd[side], b)
		if err != nil {
			select {
			case <-stop:
				return
			default:
				continue
			}
		}
		header := 28
		if n > 20 && b[9] == unix.IPPROTO_TCP {
			header = 40
		}
		if n != header+8 {
			continue
		}
		flow, number := binary.BigEndian.Uint32(b[header:]), binary.BigEndian.Uint32(b[header+4:])
		l.mu.Lock()
		if int(flow) < len(l.flows) && int(number) < len(l.flows[flow].got[1-side]) {
			l.flows[flow].got[1-side][number] = true
		}
		l.mu.Unlock()
	}
}

// settle waits until everything has come out, or as long as packets may take.
func (l *wireLoad) settle(t *testing.T, most time.Duration) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(most); time.Now().Before(end); <-tick.C {
		if _, lost := l.tally(); len(lost) == 0 {
			return
		}
	}
}

// stop ends the load.
func (l *wireLoad) stop(t *testing.T) {
	t.Helper()
	close(l.closing)
	l.done.Wait()
	l.settle(t, time.Second)
	if l.failed != nil {
		t.Errorf("send: %v", l.failed)
	}
	for side, fd := range l.w.fd {
		if s, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err != nil || s.Drops > 0 {
			t.Errorf("side %d: the test itself dropped packets: %+v, %v", side, s, err)
		}
	}
}

// wireLoss is a packet that did not come out.
type wireLoss struct {
	flow         *wireFlow
	side, number int
	at           time.Duration
}

func (l wireLoss) String() string {
	return fmt.Sprintf("packet %d from %s to %s, tcp %v, %v after the start", l.number, l.flow.ends[l.side], l.flow.ends[1-l.side], l.flow.tcp, l.at)
}

// tally counts packets and lists those that did not come out, by time.
func (l *wireLoad) tally() (sent int, lost []wireLoss) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.flows {
		for side := range 2 {
			sent += len(f.sent[side])
			for n, got := range f.got[side] {
				if !got {
					lost = append(lost, wireLoss{f, side, n, f.sent[side][n]})
				}
			}
		}
	}
	slices.SortFunc(lost, func(a, b wireLoss) int { return int(a.at - b.at) })
	return sent, lost
}
