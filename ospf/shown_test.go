package ospf

import (
	"fmt"
	"testing"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// described lists the LSAs that the engine has described since the last call, and tells whether its
// last packet said that there was more.
func (l *lab) described(ifname string) (list []packet.LSAHeader, more bool) {
	dds, _ := on[*packet.DBDesc](l.take(), ifname)
	for _, d := range dds {
		if d.Flags&packet.DDInit == 0 {
			list, more = append(list, d.Headers...), d.Flags&packet.DDMore != 0
		}
	}
	return list, more
}

// known gives the engine externals of a third router, and returns their headers.
func (l *lab) known(count int) (list []packet.LSAHeader) {
	q := l.full("eth0", "9.9.9.9", "10.0.0.9")
	for n := range count {
		raw := extLSA(q.id, fmt.Sprintf("192.%d.%d.0", n/256, n%256), packet.InitialSeq+5)
		q.update(raw)
		list = append(list, header(raw))
	}
	l.take()
	return list
}

// RFC 5243 2: as slave we describe what the master has not described itself, or an older instance of.
func TestDBDesc5243_Shown(t *testing.T) {
	l := newLab(t)
	known := l.known(10)
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.bring(nbrExStart)
	l.take()
	older, newer := known[8], known[7]
	older.Seq, newer.Seq = older.Seq-1, newer.Seq+1
	p.dd(packet.DDInit|packet.DDMore|packet.DDMaster, p.seq)
	p.dd(packet.DDMaster, p.seq+1, append(known[:7:7], newer, older)...)
	list, more := l.described("tun0")
	var externals []packet.ID
	for _, h := range list {
		if h.Type == packet.LSExternal {
			externals = append(externals, h.ID)
		}
	}
	// The first answer comes before the master has described anything, and holds what fits.
	if more || len(externals) != 10 {
		t.Errorf("described %v, more %t", externals, more)
	}
	if n := len(p.nbr().requests.wanted); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// RFC 5243 2: with a database that takes several packets, only the first of ours lists what the master
// describes after it.
func TestDBDesc5243_AllShown(t *testing.T) {
	l := newLab(t)
	known := l.known(300)
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.bring(nbrExStart)
	l.take()
	p.dd(packet.DDInit|packet.DDMore|packet.DDMaster, p.seq)
	first, more := l.described("tun0")
	if !more {
		t.Fatalf("%d LSAs in the first packet, and no more", len(first))
	}
	p.dd(packet.DDMaster, p.seq+1, known...)
	if list, more := l.described("tun0"); len(list) != 0 || more {
		t.Errorf("described %d again, more %t", len(list), more)
	}
	l.wantState(p, nbrFull)
	if x := &p.nbr().exchange; x.shown != nil || len(x.summary) != 0 {
		t.Errorf("%d and %d LSAs are remembered", len(x.shown), len(x.summary))
	}
}

// RFC 5243 2: as master we leave out what the answers of the slave have described.
func TestDBDesc5243_Master(t *testing.T) {
	l := newLab(t)
	known := l.known(300)
	p := l.peer("tun0", "0.0.0.2", "10.1.0.2")
	p.bring(nbrExStart)
	p.dd(packet.DDMore, p.lastDD().Seq, known...)
	list, more := l.described("tun0")
	for _, h := range list {
		if h.Type == packet.LSExternal {
			t.Fatalf("described %s again", h.Key())
		}
	}
	if len(list) == 0 || more {
		t.Errorf("described %d, more %t", len(list), more)
	}
}
