package firewall

import (
	"errors"
	"io"
	"net"
	"regexp"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// strictFilter is an operator's firewall that lets TCP begin and picks nothing
// up half way.
const strictFilter = `
table inet filter {
	chain forward {
		type filter hook forward priority 0; policy drop;
		ct state untracked accept
		ct state established,related accept
		tcp dport 7001 drop
		tcp flags & (syn|ack) == syn ct state new accept
	}
}
`

func newStrictHub(t *testing.T, name string) hubNet {
	n := newHub(t, name)
	n.b.serve(t, "10.10.2.1:7000")
	n.b.serve(t, "10.10.2.1:7001")
	n.hub.nft(t, strictFilter)
	n.hub.exec(t, "sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_loose=0")
	r := hubRules
	r.Scope, r.FlowTimeout = Unseen, time.Hour
	mustApply(t, n.f, r)
	return n
}

// connection opens a TCP connection between the branches that stays open.
func (n hubNet) connection(t *testing.T, to string) (net.Conn, error) {
	t.Helper()
	var c net.Conn
	err := n.a.do(func() (err error) {
		d := net.Dialer{Timeout: time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP("10.10.1.1")}}
		c, err = d.Dial("tcp4", to)
		return err
	})
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

func echo(c net.Conn) error {
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("hello")); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 5))
	return err
}

func TestUnseen(t *testing.T) {
	n := newStrictHub(t, "unseen")
	c, err := n.connection(t, "10.10.2.1:7000")
	if err != nil {
		t.Fatal(err)
	}
	if err := echo(c); err != nil || len(n.entries(t, "10.10.1.1", "10.10.2.1")) != 1 {
		t.Errorf("a connection that began here: %v, %d entries", err, len(n.entries(t, "10.10.1.1", "10.10.2.1")))
	}
	if err := n.a.reach("udp4", "10.10.1.1", "10.10.2.1:7000"); err != nil || len(n.entries(t, "10.10.1.1", "10.10.2.1")) != 1 {
		t.Errorf("UDP: %v, %d entries", err, len(n.entries(t, "10.10.1.1", "10.10.2.1")))
	}
	if _, err := n.connection(t, "10.10.2.1:7001"); !errors.Is(err, unix.ETIMEDOUT) && !isTimeout(err) {
		t.Errorf("a connection that the operator forbids: %v", err)
	}
	if _, err := n.connection(t, "10.10.2.1:7002"); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("a closed port: %v", err)
	}
	if err := echo(c); err != nil {
		t.Errorf("later: %v", err)
	}
	// The rest of a closed connection is short.
	c.Close()
	short := regexp.MustCompile(`expires [0-9]+s`)
	eventually(t, "the closed connection is forgotten soon", func() bool {
		return short.MatchString(n.hub.exec(t, "nft", "list", "set", "inet", "ecmpd", "flows4"))
	}, func() string { return n.hub.exec(t, "nft", "list", "set", "inet", "ecmpd", "flows4") })
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// Without its entry a connection would be invalid from its next packet on; what
// is forgotten as a whole passes.
func TestForgetFlows(t *testing.T) {
	n := newStrictHub(t, "forget")
	c, err := n.connection(t, "10.10.2.1:7000")
	if err != nil {
		t.Fatal(err)
	}
	unseen := n.f.wanted
	forgetting := unseen
	forgetting.Scope = Forgetting
	mustApply(t, n.f, forgetting)
	if err := n.f.ForgetSeen(); err != nil {
		t.Fatal(err)
	}
	between, err := n.connection(t, "10.10.2.1:7000") // its entry goes, too
	if err != nil {
		t.Fatal(err)
	}
	removed, err := n.forget()
	if err != nil || removed != 2 {
		t.Errorf("removed %d entries: %v", removed, err)
	}
	if err := echo(between); err != nil {
		t.Errorf("a connection that began meanwhile: %v", err)
	}
	mustApply(t, n.f, unseen)
	wantKernel(t, n.f)
	if err := echo(between); err != nil {
		t.Errorf("a connection that began meanwhile, later: %v", err)
	}
	if err := echo(c); err != nil {
		t.Errorf("after forgetting: %v", err)
	}
	if list := n.entries(t, "10.10.1.1", "10.10.2.1"); len(list) > 0 {
		t.Errorf("tracked again half way: %v", list)
	}
	other, err := n.connection(t, "10.10.2.1:7000")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.forget(); err != nil {
		t.Fatal(err)
	}
	if err := echo(other); err == nil {
		t.Error("a connection whose entry alone went passes: the test proves nothing")
	}
}
