package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// machine is a process file system, and a folder of files beside it.
type machine struct {
	t           *testing.T
	proc, files string
}

const capable, incapable = "CapEff:\t000001ffffffffff\n", "CapEff:\t0000000000000000\n"

func newMachine(t *testing.T) machine {
	m := machine{t, t.TempDir(), t.TempDir()}
	m.process("self", "ecmpd", "net:[1]", capable)
	return m
}

func (m machine) write(name, text string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) link(name, target string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Symlink(target, name); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) process(pid, name, namespace, status string, args ...string) string {
	m.t.Helper()
	dir := filepath.Join(m.proc, pid)
	m.write(dir+"/comm", name+"\n")
	m.write(dir+"/cmdline", strings.Join(append([]string{"/usr/sbin/openvpn"}, args...), "\x00")+"\x00")
	m.write(dir+"/status", "Name:\topenvpn\n"+status)
	m.write(dir+"/uid_map", "0 0 4294967295\n")
	m.write(filepath.Join(m.proc, namespace), "")
	m.write(dir+"/net/udp", "")
	if err := os.Link(filepath.Join(m.proc, namespace), dir+"/net/tcp"); err != nil {
		m.t.Fatal(err)
	}
	m.link(dir+"/cwd", m.files)
	m.link(dir+"/fd/3", "socket:[4711]")
	m.link(dir+"/fd/4", "/dev/net/tun")
	return dir
}

func TestOpenVPN(t *testing.T) {
	const none = "[]"
	for _, c := range []struct {
		name  string
		args  []string
		files map[string]string
		want  string
		wrong string // in the error; empty: none
	}{
		{"command line", []string{"--dev", "tun0", "--remote", "203.0.113.1", "1194", "--remote", "203.0.113.2"}, nil, "[203.0.113.1 203.0.113.2]", ""},
		{"nothing said", nil, nil, none, ""},
		{"remote without a value", []string{"--remote", "--dev", "tun"}, nil, none, ""},
		{"file", []string{"--config", "a.conf"}, map[string]string{"a.conf": "client\r\nremote 203.0.113.1 1194 udp\r\n;remote 203.0.113.9\n# remote 203.0.113.9\n\tremote \"203.0.113.3\" 1194 # remote 203.0.113.9\n--remote 203.0.113.4"}, "[203.0.113.1 203.0.113.3 203.0.113.4]", ""},
		{"file alone", []string{"a.conf"}, map[string]string{"a.conf": "\ufeffremote 203.0.113.1"}, "[203.0.113.1]", ""},
		{"where it has gone", []string{"--cd", "client", "--config", "a.conf"}, map[string]string{"a.conf": "remote 203.0.113.1"}, "[203.0.113.1]", ""},
		{"folder", []string{"--cd", "/nowhere", "--config", "a.conf"}, nil, none, "/nowhere/a.conf: no such file"},
		{"file within a file", []string{"--config", "a.conf"}, map[string]string{"a.conf": "config b.conf", "b.conf": "remote 203.0.113.1"}, "[203.0.113.1]", ""},
		{"file within itself", []string{"--config", "a.conf"}, map[string]string{"a.conf": "remote 203.0.113.1\nconfig a.conf"}, "[203.0.113.1]", "files within files"},
		{"blocks", []string{"--config", "a.conf"}, map[string]string{"a.conf": "<connection>\nremote 203.0.113.1 1194 udp\n</connection>\n<ca>\nremote 203.0.113.9\n</ca>\n<connection>\nremote 203.0.113.2\n</connection>\n"}, "[203.0.113.1 203.0.113.2]", ""},
		{"open block", []string{"--config", "a.conf"}, map[string]string{"a.conf": "remote 203.0.113.1\n<ca>\nremote 203.0.113.9\n"}, "[203.0.113.1]", ""},
		{"proxies", []string{"--http-proxy", "203.0.113.1", "8080", "--socks-proxy", "203.0.113.2"}, nil, "[203.0.113.1 203.0.113.2]", ""},
		{"IPv6", []string{"--remote", "2001:db8::1", "--remote", "::ffff:203.0.113.1"}, nil, "[203.0.113.1]", ""},
		{"nowhere", []string{"--remote", "127.0.0.1", "--remote", "0.0.0.0", "--remote", "224.0.0.5"}, nil, none, ""},
		{"name", []string{"--remote", "vpn.example.net", "--remote", "203.0.113.1"}, nil, "[203.0.113.1 203.0.113.7 203.0.113.8]", ""},
		{"name in a file", []string{"--config", "a.conf"}, map[string]string{"a.conf": "remote vpn.example.net\nremote vpn.example.net 443"}, "[203.0.113.7 203.0.113.8]", ""},
		{"name of nobody", []string{"--config", "a.conf"}, map[string]string{"a.conf": "remote nobody.example.net"}, none, "a.conf: remote nobody.example.net cannot be looked up: no such host"},
		{"no file", []string{"--config", "a.conf"}, nil, none, "a.conf: no such file"},
		{"a folder as file", []string{"--config", "."}, nil, none, "it is no file"},
		{"long file", []string{"--config", "a.conf"}, map[string]string{"a.conf": strings.Repeat("#\n", maxFile)}, none, "longer than 1 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.process("100", "openvpn", "net:[1]", capable, c.args...)
			for name, text := range c.files {
				m.write(filepath.Join(m.files, name), text)
			}
			m.check(c.want, c.wrong)
		})
	}
}

func (m machine) check(want, wrong string) {
	m.t.Helper()
	list, err := openVPN(m.t.Context(), &Names{lookup: lookup}, m.proc, nil)
	if got := fmt.Sprint(list); got != want {
		m.t.Errorf("found %s, want %s", got, want)
	}
	if (err != nil) != (wrong != "") || err != nil && !strings.Contains(err.Error(), wrong) {
		m.t.Errorf("error %v, want %q", err, wrong)
	}
}

// lookup knows one name.
func lookup(_ context.Context, name string) ([]netip.Addr, error) {
	if name != "vpn.example.net" {
		return nil, errors.New("no such host")
	}
	return []netip.Addr{netip.MustParseAddr("203.0.113.8"), netip.MustParseAddr("203.0.113.7")}, nil
}

// TestOpenVPNHidden finds a file though the process's folder and sockets are not shown: a test runs with all
// capabilities, so links that lead nowhere stand for them.
func TestOpenVPNHidden(t *testing.T) {
	m := newMachine(t)
	m.write(filepath.Join(m.files, "client", "a.conf"), "remote 203.0.113.1")
	found := peers{kind: "OpenVPN"}
	o := options{folders: []string{"/nowhere", filepath.Join(m.files, "client"), m.files}, found: &found}
	o.commandLine([]string{"--config", "a.conf"})
	if got := fmt.Sprint(found.list, found.failed); got != "[203.0.113.1] []" {
		t.Error(got)
	}
}

// TestNames keeps what was found while the resolver is silent, asks again in time, and is bounded.
func TestNames(t *testing.T) {
	now := time.Unix(0, 0)
	var asked atomic.Int32
	answer := netip.MustParseAddr("203.0.113.1")
	var silent error
	n := Names{lookup: func(context.Context, string) ([]netip.Addr, error) {
		asked.Add(1)
		return []netip.Addr{answer}, silent
	}}
	step := func(what string, later time.Duration, wantAsked int32, want string) {
		t.Helper()
		now = now.Add(later)
		list, failed := n.addresses(t.Context(), now, []string{"a"})
		if got := fmt.Sprint(list, failed); got != want || asked.Load() != wantAsked {
			t.Errorf("%s: %s after %d look-ups, want %s after %d", what, got, asked.Load(), want, wantAsked)
		}
	}
	silent = errors.New("silent")
	step("no answer yet", 0, 1, "[] map[a:silent]")
	step("not at once again", time.Second, 1, "[] map[a:silent]")
	silent = nil
	step("an answer", nameRetry, 2, "[203.0.113.1] map[]")
	answer = netip.MustParseAddr("203.0.113.2")
	step("known", nameRefresh/2, 2, "[203.0.113.1] map[]")
	step("looked up anew", nameRefresh, 3, "[203.0.113.2] map[]")
	silent = errors.New("silent")
	step("silent", nameRefresh, 4, "[203.0.113.2] map[]")

	many := make([]string, maxNames+1)
	for i := range many {
		many[i] = fmt.Sprintf("name-%d", i)
	}
	silent = nil
	if _, failed := n.addresses(t.Context(), now, many); len(failed) != 2 { // a is still known
		t.Errorf("%d names too many: %v", len(failed), failed)
	}
	if list, _ := n.addresses(t.Context(), now.Add(2*nameMemory), []string{"b"}); len(list) != 1 || len(n.known) != 1 {
		t.Errorf("%d names are not forgotten", len(n.known)-1)
	}
}

// TestNamesHang does not wait for a resolver that hangs.
func TestNamesHang(t *testing.T) {
	n := Names{lookup: func(ctx context.Context, _ string) ([]netip.Addr, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if list, failed := n.addresses(ctx, time.Now(), []string{"a", "b"}); len(list) != 0 || len(failed) != 2 {
		t.Error(list, failed)
	}
}

// TestOpenVPNPipe does not wait for what never comes.
func TestOpenVPNPipe(t *testing.T) {
	m := newMachine(t)
	if err := syscall.Mkfifo(filepath.Join(m.files, "a.conf"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.process("100", "openvpn", "net:[1]", capable, "--config", "a.conf")
	m.check("[]", "it is no file")
}

// TestOpenVPNOthers leaves out processes that are not ours, and lives with those that end.
func TestOpenVPNOthers(t *testing.T) {
	m := newMachine(t)
	far := []string{"--remote", "203.0.113.1"}
	m.process("100", "openvpn", "net:[9]", capable, far...)
	m.process("101", "openvpn-x", "net:[1]", capable, far...)
	m.process("102", "openvpn", "net:[1]", "", far...)
	m.write(m.proc+"/103/comm", "openvpn\n") // it has ended
	m.write(m.proc+"/version", "Linux")
	m.check("[]", "")
	m.process("104", "openvpn", "net:[1]", incapable, far...)
	m.check("[]", "OpenVPN process 104: it is left out")
}

// TestOpenVPNSockets finds the far ends of connected sockets, its own only.
func TestOpenVPNSockets(t *testing.T) {
	m := newMachine(t)
	dir := m.process("100", "openvpn", "net:[1]", capable, "--proto", "tcp-client")
	head := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	row := func(remote, inode string) string {
		return "   0: 0100000A:C350 " + remote + " 01 00000000:00000000 02:000005B5 00000000     0        0 " + inode + " 2 0000\n"
	}
	m.write(dir+"/net/tcp", head+row("017100CB:01BB", "4711")+row("097100CB:01BB", "4712")+"short\n"+row("zz:1", "4711"))
	m.write(dir+"/net/udp6", head+row("0000000000000000FFFF0000027100CB:01BB", "4711")+row("00000000000000000000000000000000:0000", "4711"))
	m.check("[203.0.113.1 203.0.113.2]", "")
}
