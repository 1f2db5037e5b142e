package tunnel

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// OpenVPN returns the IPv4 addresses of the far ends of the OpenVPN processes in our network namespace,
// sorted, each once: those of their command lines, configuration files and connected sockets. Its UDP
// sockets are usually not connected, so that the kernel knows nothing of their far end.
// What cannot be read, and far ends that have a name instead of an address, are in the error; the
// addresses are what is known all the same.
func OpenVPN() ([]netip.Addr, error) { return openVPN("/proc") }

// openVPN is OpenVPN with the process file system elsewhere.
func openVPN(proc string) ([]netip.Addr, error) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, err
	}
	found := peers{kind: "OpenVPN"}
	for _, e := range entries {
		if _, err := strconv.ParseUint(e.Name(), 10, 31); err != nil {
			continue
		}
		p := process{dir: filepath.Join(proc, e.Name()), self: filepath.Join(proc, "self")}
		name, err := os.ReadFile(filepath.Join(p.dir, "comm"))
		if err != nil || strings.TrimSpace(string(name)) != "openvpn" {
			continue
		}
		if err := p.peers(&found); err != nil && !gone(err) {
			found.errorf("OpenVPN process %s: %w", e.Name(), err)
		}
	}
	return found.sorted()
}

// gone tells that a process ended while it was looked at.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) }

// process is one of OpenVPN.
type process struct {
	dir  string // in the process file system
	self string // our own
}

// peers adds the far ends of the process, if it is one whose tunnels are ours.
func (p process) peers(found *peers) error {
	ours, err := p.ours()
	if err != nil || !ours {
		return err
	}
	line, err := os.ReadFile(filepath.Join(p.dir, "cmdline"))
	if err != nil {
		return err
	}
	folder, err := os.Readlink(filepath.Join(p.dir, "cwd"))
	if err != nil {
		return err
	}
	args := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	o := options{folder: folder, found: found}
	o.commandLine(args[1:])
	return p.connected(found)
}

// ours tells whether the process runs in our network namespace and may configure it. Without the second
// every user of the machine could start something of that name and have routes changed.
func (p process) ours() (bool, error) {
	for _, kind := range []string{"ns/net", "ns/user"} {
		theirs, err := os.Readlink(filepath.Join(p.dir, kind))
		if errors.Is(err, fs.ErrPermission) {
			return false, errors.New("ecmpd may not look at it: allow CAP_SYS_PTRACE (packaging/ecmpd.service says how), or write the address of its far end in wan.endpoints")
		}
		if err != nil {
			return false, err
		}
		here, err := os.Readlink(filepath.Join(p.self, kind))
		if err != nil || here != theirs {
			return false, err
		}
	}
	status, err := os.ReadFile(filepath.Join(p.dir, "status"))
	if err != nil {
		return false, err
	}
	const netAdmin = 1 << 12 // CAP_NET_ADMIN
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, "CapEff:"); ok {
			v, err := strconv.ParseUint(strings.TrimSpace(text), 16, 64)
			if err == nil && v&netAdmin == 0 {
				err = errors.New("it is left out, for without CAP_NET_ADMIN it could be anybody's: write the address of its far end in wan.endpoints")
			}
			return err == nil, err
		}
	}
	return false, nil // a zombie
}

// connected adds the far ends of the connected sockets.
func (p process) connected(found *peers) error {
	folder := filepath.Join(p.dir, "fd")
	files, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	sockets := make(map[string]bool) // by the number of the inode
	for _, f := range files {
		target, _ := os.Readlink(filepath.Join(folder, f.Name())) // closed meanwhile
		if rest, ok := strings.CutPrefix(target, "socket:["); ok {
			sockets[strings.TrimSuffix(rest, "]")] = true
		}
	}
	for _, kind := range []string{"tcp", "tcp6", "udp", "udp6"} {
		if err := connectedOf(filepath.Join(p.dir, "net", kind), sockets, found); err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

// connectedOf reads one of the kernel's lists of sockets (proc(5), /proc/net/tcp).
func connectedOf(name string, sockets map[string]bool, found *peers) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	const remote, inode = 2, 9 // columns
	s := bufio.NewScanner(f)
	for s.Scan() {
		if column := strings.Fields(s.Text()); len(column) > inode && sockets[column[inode]] {
			if a, ok := kernelAddress(column[remote]); ok {
				found.add(a)
			}
		}
	}
	return s.Err()
}

// kernelAddress reads words in the machine's byte order and a port: 04643C0A:01BB.
func kernelAddress(text string) (netip.Addr, bool) {
	text, _, _ = strings.Cut(text, ":")
	b, err := hex.DecodeString(text)
	if err != nil || len(b)%4 != 0 {
		return netip.Addr{}, false
	}
	for word := range len(b) / 4 {
		part := b[4*word : 4*word+4]
		binary.NativeEndian.PutUint32(part, binary.BigEndian.Uint32(part))
	}
	return netip.AddrFromSlice(b)
}
