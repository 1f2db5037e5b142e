package integration

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestWANMany holds 10,000 connections while one of three uplinks dies in silence. Those of the other two go on, and
// answer all the time.
func TestWANMany(t *testing.T) { // alone, for it takes most of the file descriptors that a process may have
	const count = 10000
	n := startWAN(t, "wan:\n  uplinks:\n"+uplink(1, "")+uplink(2, "")+uplink(3, ""))
	self, err := os.Executable()
	n.must(err)
	server, err := n.Node("internet").Start("echo", "env", echoAt+"="+wanServer+":80", self)
	n.must(err)
	n.wait("the server", func() (bool, string) { return strings.Contains(server.Log(), "ready"), server.Log() })
	n.used("u1 u2 u3")
	began := time.Now()
	lines := n.open("host", wanServer+":80", count)
	t.Logf("%d connections in %s", count, time.Since(began).Round(time.Millisecond))
	others := slices.DeleteFunc(slices.Clone(lines), func(l *line) bool { return l.from == "10.112.0.2" })
	if k := count - len(others); k < count/3-50 || k > count/3+50 {
		t.Errorf("%d of %d connections by u2", k, count)
	}
	died, asked := make(chan struct{}), make(chan int)
	go func() { // until the death is over, and once more
		rounds, last := 0, false
		for ; !last; rounds++ {
			select {
			case <-died:
				last = true
			default:
			}
			for i, l := range others {
				if err := l.alive(); err != nil {
					t.Errorf("round %d, connection %d by %s: %v", rounds+1, i, l.from, err)
					asked <- rounds
					return
				}
			}
		}
		asked <- rounds
	}()
	n.kill(2)
	n.used("u1 u3")
	close(died)
	rounds := <-asked
	t.Logf("%d connections of the others answered %d times while u2 died", len(others), rounds)
	n.wait("the entries of u2 are gone", func() (bool, string) {
		entries := n.run("router", "sh", "-c", "grep -c 'dst=10.112.0.2 .*dport=[0-9]* ' /proc/net/nf_conntrack || true")
		left := strings.TrimSpace(entries)
		return len(left) <= 1, left // probes
	})
}

// echoAt is the variable that makes this program a server like that of who, which holds its ends of many connections:
// a process may have too few files for both.
const echoAt = "ECMPD_TEST_ECHO"

func echo(at string) error {
	l, err := net.Listen("tcp4", at)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			from, _, _ := net.SplitHostPort(c.RemoteAddr().String())
			text := append([]byte(from), '\n')
			for {
				if _, err := c.Write(text); err != nil {
					return
				}
				size, err := c.Read(text[:cap(text)])
				if err != nil {
					return
				}
				text = text[:size]
			}
		}()
	}
}
