package tunnel

import (
	"bufio"
	"bytes"
	"context"
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
// Names have all addresses that the machine's resolver knows of them. What cannot be read, and names without an
// address, are in the error; the addresses are what is known all the same.
//
// It needs no capability. Where the kernel does not show a more capable process's folder and sockets
// (ptrace(2), access mode checking), relative names of files begin in OpenVPN's usual folders, and sockets are left out.
func OpenVPN(ctx context.Context, names *Names) ([]netip.Addr, error) {
	return openVPN(ctx, names, "/proc", usualFolders)
}

// usualFolders are where the services of distributions run OpenVPN.
var usualFolders = []string{"/etc/openvpn/client", "/etc/openvpn/server", "/etc/openvpn"}

// openVPN is OpenVPN with the files elsewhere.
func openVPN(ctx context.Context, names *Names, proc string, usual []string) ([]netip.Addr, error) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, err
	}
	found := peers{kind: "OpenVPN"}
	for _, e := range entries {
		if _, err := strconv.ParseUint(e.Name(), 10, 31); err != nil {
			continue
		}
		p := process{dir: filepath.Join(proc, e.Name()), self: filepath.Join(proc, "self"), usual: usual}
		name, err := os.ReadFile(filepath.Join(p.dir, "comm"))
		if err != nil || strings.TrimSpace(string(name)) != "openvpn" {
			continue
		}
		if err := p.peers(&found); err != nil && !gone(err) {
			found.errorf("OpenVPN process %s: %w", e.Name(), err)
		}
	}
	found.resolve(ctx, names)
	return found.sorted()
}

// gone tells that a process ended while it was looked at.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) }

// process is one of OpenVPN.
type process struct {
	dir  string // in the process file system
	self string // our own
	// usual are folders to look in for its files when its own is not shown.
	usual []string
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
	folders := p.usual
	switch folder, err := os.Readlink(filepath.Join(p.dir, "cwd")); {
	case err == nil:
		folders = []string{folder}
	case !errors.Is(err, fs.ErrPermission):
		return err
	}
	args := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	o := options{folders: folders, found: found}
	o.commandLine(args[1:])
	return p.connected(found)
}

// ours tells whether the process runs in our network namespace and may configure it. Without the second
// every user of the machine could start something of that name and have routes changed.
func (p process) ours() (bool, error) {
	if same, err := p.sameNamespaces(); err != nil || !same {
		return false, err
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

// sameNamespaces compares what everybody may see, which the links in /proc/PID/ns are not: a file below net is another one in
// each network namespace, and only the privileged give a user namespace as many identifiers as ours has.
func (p process) sameNamespaces() (bool, error) {
	theirs, err := os.Stat(filepath.Join(p.dir, "net/tcp"))
	if err != nil {
		return false, err
	}
	ours, err := os.Stat(filepath.Join(p.self, "net/tcp"))
	if err != nil || !os.SameFile(theirs, ours) {
		return false, err
	}
	theirUsers, err := os.ReadFile(filepath.Join(p.dir, "uid_map"))
	if err != nil {
		return false, err
	}
	ourUsers, err := os.ReadFile(filepath.Join(p.self, "uid_map"))
	return err == nil && bytes.Equal(theirUsers, ourUsers), err
}

// connected adds the far ends of the connected sockets, if they are shown.
func (p process) connected(found *peers) error {
	folder := filepath.Join(p.dir, "fd")
	files, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
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
