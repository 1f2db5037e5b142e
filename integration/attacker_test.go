package integration

import (
	be "encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// attacker is a scripted OSPF router on one link. It sends whatever a test
// wants, and with [attacker.befriend] it first becomes a neighbour in state
// Full: it describes an empty database, answers hellos with hellos and
// acknowledges updates.
type attacker struct {
	addr, peer netip.Addr
	id         packet.ID
	seq        uint32 // of the database exchange
	last       bool   // our packet without the M bit is out

	out, in int // sockets: with a header of ours, and of OSPF packets
	ifindex int

	mu      sync.Mutex
	mute    bool          // acknowledge nothing
	victim  packet.ID     // router id of the neighbour; 0 before its first hello
	full    chan struct{} // closed when the exchange is over
	stopped chan struct{}
	done    chan struct{}
}

// newAttacker opens the sockets of an attacker on an interface of a node.
func newAttacker(node *lab.Node, ifname, addr, peer, id string) (*attacker, error) {
	routerID, err := packet.ParseID(id)
	if err != nil {
		return nil, err
	}
	a := &attacker{
		addr: netip.MustParseAddr(addr), peer: netip.MustParseAddr(peer), id: routerID, seq: 1000, out: -1, in: -1,
		full: make(chan struct{}), stopped: make(chan struct{}), done: make(chan struct{}),
	}
	if err := node.Do(func() error { return a.open(ifname) }); err != nil {
		a.closeSockets()
		return nil, fmt.Errorf("attacker on %s: %w", ifname, err)
	}
	return a, nil
}

var allSPFRouters = netip.MustParseAddr("224.0.0.5")

func (a *attacker) open(ifname string) (err error) {
	if a.ifindex, err = linkIndex(ifname); err != nil {
		return err
	}
	if a.out, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW); err != nil {
		return err
	}
	if a.in, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 89); err != nil {
		return err
	}
	for _, fd := range []int{a.out, a.in} {
		if err := unix.BindToDevice(fd, ifname); err != nil {
			return err
		}
	}
	mreq := &unix.IPMreqn{Multiaddr: allSPFRouters.As4(), Ifindex: int32(a.ifindex)}
	if err := unix.SetsockoptIPMreqn(a.out, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, mreq); err != nil {
		return err
	}
	if err := unix.SetsockoptIPMreqn(a.in, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, mreq); err != nil {
		return err
	}
	_ = unix.SetsockoptInt(a.in, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20)
	return unix.SetsockoptTimeval(a.in, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000})
}

func linkIndex(ifname string) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(ifname)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req); err != nil {
		return 0, err
	}
	return int(req.Uint32()), nil
}

func (a *attacker) closeSockets() {
	for _, fd := range []int{a.out, a.in} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// forged is what an attacker may choose in the IP header.
type forged struct {
	src, dst netip.Addr
	ttl      uint8
	fragment uint16 // flags and offset
	options  int    // bytes, a multiple of 4
}

// sendRaw sends payload behind a header of the attacker's making.
func (a *attacker) sendRaw(f forged, payload []byte) {
	if !f.src.IsValid() {
		f.src = a.addr
	}
	if !f.dst.IsValid() {
		f.dst = allSPFRouters
	}
	if f.ttl == 0 {
		f.ttl = 1
	}
	h := make([]byte, 20+f.options, 20+f.options+len(payload))
	h[0] = byte(0x40 | (20+f.options)/4)
	h[1] = 0xc0
	be.BigEndian.PutUint16(h[2:], uint16(len(h)+len(payload)))
	be.BigEndian.PutUint16(h[4:], uint16(time.Now().UnixNano()))
	be.BigEndian.PutUint16(h[6:], f.fragment)
	h[8], h[9] = f.ttl, 89
	src, dst := f.src.As4(), f.dst.As4()
	copy(h[12:], src[:])
	copy(h[16:], dst[:])
	for i := 20; i < len(h); i++ {
		h[i] = 1 // no operation
	}
	_ = unix.Sendto(a.out, append(h, payload...), 0, &unix.SockaddrInet4{Addr: dst})
}

// packet encodes a packet of a router in area 0.
func (a *attacker) packet(id packet.ID, body packet.Body) []byte {
	return packet.Append(nil, packet.Header{RouterID: id}, body)
}

// send sends a well-formed packet; long ones travel in fragments, which the
// kernel does not make of packets with a header of ours.
func (a *attacker) send(body packet.Body) {
	data := a.packet(a.id, body)
	const most = 1480
	for off := 0; off < len(data); off += most {
		n := min(most, len(data)-off)
		f := forged{fragment: uint16(off / 8)}
		if off+n < len(data) {
			f.fragment |= 0x2000
		}
		a.sendFragment(f, uint16(len(data)), data[off:off+n])
	}
}

func (a *attacker) sendFragment(f forged, ident uint16, part []byte) {
	if f.fragment == 0 {
		a.sendRaw(f, part)
		return
	}
	h := make([]byte, 20)
	h[0], h[1], h[8], h[9] = 0x45, 0xc0, 1, 89
	be.BigEndian.PutUint16(h[2:], uint16(20+len(part)))
	be.BigEndian.PutUint16(h[4:], ident)
	be.BigEndian.PutUint16(h[6:], f.fragment)
	src, dst := a.addr.As4(), allSPFRouters.As4()
	copy(h[12:], src[:])
	copy(h[16:], dst[:])
	_ = unix.Sendto(a.out, append(h, part...), 0, &unix.SockaddrInet4{Addr: dst})
}

// hello is the hello of a router that knows the listed neighbours.
func (a *attacker) hello(mask int, neighbors ...packet.ID) *packet.Hello {
	return &packet.Hello{
		Mask: packet.MaskOf(mask).Addr(), HelloInterval: 1, DeadInterval: 4, Options: packet.OptE, Priority: 0,
		DR: netip.AddrFrom4([4]byte{}), BDR: netip.AddrFrom4([4]byte{}), Neighbors: neighbors,
	}
}

// befriend runs the attacker's side of an adjacency on a point-to-point link
// of a /30 until close; full is closed when the exchange is over.
func (a *attacker) befriend() {
	go func() {
		defer close(a.done)
		buf := make([]byte, 1<<16)
		next := time.Now()
		for {
			select {
			case <-a.stopped:
				return
			default:
			}
			if !time.Now().Before(next) {
				next = time.Now().Add(time.Second)
				a.sayHello()
			}
			n, _, err := unix.Recvfrom(a.in, buf, 0)
			if err == nil && n > 20 {
				a.react(buf[:n])
			}
		}
	}()
}

func (a *attacker) sayHello() {
	a.mu.Lock()
	victim := a.victim
	a.mu.Unlock()
	if victim == 0 {
		a.send(a.hello(30))
		return
	}
	a.send(a.hello(30, victim))
}

func (a *attacker) react(b []byte) {
	h, body, err := packet.Decode(b[int(b[0]&15)*4:])
	if err != nil || h.RouterID == a.id {
		return
	}
	a.mu.Lock()
	mute, first := a.mute, a.victim == 0
	a.victim = h.RouterID
	a.mu.Unlock()
	switch p := body.(type) {
	case *packet.Hello:
		if first {
			a.sayHello()
		}
	case *packet.DBDesc:
		a.describe(p)
	case *packet.LSUpdate:
		if mute {
			return
		}
		ack := &packet.LSAck{}
		for _, raw := range p.LSAs {
			if lsa, err := packet.DecodeLSAHeader(raw); err == nil {
				ack.Headers = append(ack.Headers, lsa)
			}
		}
		a.send(ack)
	}
}

// describe is the master's side of the exchange, with nothing to describe.
func (a *attacker) describe(p *packet.DBDesc) {
	d := &packet.DBDesc{MTU: 1500, Options: packet.OptE | packet.OptO, Flags: packet.DDMaster}
	switch {
	case p.Flags&packet.DDInit != 0:
		a.seq += 1000
		a.last = false
		d.Flags |= packet.DDInit | packet.DDMore
	case p.Seq != a.seq:
		return
	case a.last && p.Flags&packet.DDMore == 0:
		select {
		case <-a.full:
		default:
			close(a.full)
		}
		return
	default:
		a.seq++
		a.last = true
	}
	d.Seq = a.seq
	a.send(d)
}

// setMute says whether updates go without acknowledgement from now on.
func (a *attacker) setMute(mute bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mute = mute
}

// close ends the attacker; befriend must have been called.
func (a *attacker) close() {
	close(a.stopped)
	<-a.done
	a.closeSockets()
}

// update sends LSAs in packets that are filled as far as size allows.
func (a *attacker) update(size int, lsas ...[]byte) {
	var batch [][]byte
	used := packet.HeaderLen + 4
	for _, raw := range lsas {
		if used+len(raw) > size && len(batch) > 0 {
			a.send(&packet.LSUpdate{LSAs: batch})
			batch, used = nil, packet.HeaderLen+4
		}
		batch = append(batch, raw)
		used += len(raw)
	}
	if len(batch) > 0 {
		a.send(&packet.LSUpdate{LSAs: batch})
	}
}
