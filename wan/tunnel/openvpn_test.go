package tunnel

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
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
	m.link(dir+"/ns/net", namespace)
	m.link(dir+"/ns/user", "user:[2]")
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
		{"name", []string{"--remote", "vpn.example.net", "--remote", "203.0.113.1"}, nil, "[203.0.113.1]", "its command line: remote vpn.example.net is a name: write its address in wan.endpoints"},
		{"name in a file", []string{"--config", "a.conf"}, map[string]string{"a.conf": "remote vpn.example.net"}, none, "a.conf: remote vpn.example.net is a name"},
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
	list, err := openVPN(m.proc)
	if got := fmt.Sprint(list); got != want {
		m.t.Errorf("found %s, want %s", got, want)
	}
	if (err != nil) != (wrong != "") || err != nil && !strings.Contains(err.Error(), wrong) {
		m.t.Errorf("error %v, want %q", err, wrong)
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
