// Package host looks for other programs on the machine that get in the way of a
// routing daemon, and at what it is a member of. It reads files below a root directory, which is "/" but in tests.
package host

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Host is the machine below a root directory.
type Host struct{ root string }

// New returns the machine whose files are below root.
func New(root string) Host { return Host{root} }

func (h Host) path(elements ...string) string {
	return filepath.Join(append([]string{h.root}, elements...)...)
}

// protocolOSPF is the IP protocol number of OSPF, in the place where
// /proc/net/raw has the port.
const protocolOSPF = 89

// OtherOSPF names the processes, other than this one, that have a raw socket for
// OSPF in this network namespace: "ospfd (pid 123)".
func (h Host) OtherOSPF() ([]string, error) {
	inodes, err := h.rawSockets(protocolOSPF)
	if err != nil {
		return nil, err
	}
	own, err := h.sockets("self")
	if err != nil {
		return nil, fmt.Errorf("own sockets: %w", err)
	}
	inodes = slices.DeleteFunc(inodes, func(i string) bool { return slices.Contains(own, i) })
	if len(inodes) == 0 {
		return nil, nil
	}
	var names []string
	err = h.eachProcess(func(pid, name string) {
		sockets, _ := h.sockets(pid) // it may have ended
		before := len(inodes)
		inodes = slices.DeleteFunc(inodes, func(i string) bool { return slices.Contains(sockets, i) })
		if len(inodes) < before {
			names = append(names, fmt.Sprintf("%s (pid %s)", name, pid))
		}
	})
	if len(inodes) > 0 {
		names = append(names, "a process that cannot be seen from here")
	}
	return names, err
}

// rawSockets lists the inodes of the namespace's raw sockets of an IP protocol.
func (h Host) rawSockets(protocol int) (inodes []string, err error) {
	file, err := os.Open(h.path("proc", "thread-self", "net", "raw"))
	if err != nil {
		return nil, fmt.Errorf("list raw sockets: %w", err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 {
			continue
		}
		_, port, _ := strings.Cut(fields[1], ":")
		if n, err := strconv.ParseUint(port, 16, 16); err == nil && n == uint64(protocol) {
			inodes = append(inodes, fields[9])
		}
	}
	return inodes, nil
}

// sockets lists the inodes of a process's sockets.
func (h Host) sockets(pid string) (inodes []string, err error) {
	files, err := os.ReadDir(h.path("proc", pid, "fd"))
	for _, f := range files {
		target, err := os.Readlink(h.path("proc", pid, "fd", f.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		if inner, ok := strings.CutPrefix(target, "socket:["); ok {
			inodes = append(inodes, strings.TrimSuffix(inner, "]"))
		}
	}
	return inodes, err
}

func (h Host) eachProcess(visit func(pid, name string)) error {
	entries, err := os.ReadDir(h.path("proc"))
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		if name, err := os.ReadFile(h.path("proc", e.Name(), "comm")); err == nil {
			visit(e.Name(), strings.TrimSpace(string(name)))
		}
	}
	return nil
}

// Groups are the links that are in a multicast group.
func (h Host) Groups(group netip.Addr) (links []string, err error) {
	text, err := os.ReadFile(h.path("proc", "thread-self", "net", "igmp"))
	if err != nil {
		return nil, fmt.Errorf("list multicast memberships: %w", err)
	}
	address := group.As4()
	want, link := fmt.Sprintf("%08X", binary.NativeEndian.Uint32(address[:])), ""
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) > 1 && line[0] != '\t' && line[0] != ' ': // a link; its colon may touch its name
			link = strings.TrimSuffix(fields[1], ":")
		case len(fields) > 0 && fields[0] == want:
			links = append(links, link)
		}
	}
	return links, nil
}

// networkdSettings let systemd-networkd delete what others made; they are on
// unless a file says otherwise (networkd.conf(5); the last since systemd 256).
var networkdSettings = []string{"ManageForeignRoutes", "ManageForeignRoutingPolicyRules", "ManageForeignNextHops"}

// networkdComm is the process's name as the kernel cuts it off.
const networkdComm = "systemd-network"

// Networkd lists the settings by which a systemd-networkd in this network
// namespace deletes what others made; none when it does not run here.
func (h Host) Networkd() ([]string, error) {
	here, err := os.Readlink(h.path("proc", "thread-self", "ns", "net"))
	if err != nil {
		return nil, fmt.Errorf("own network namespace: %w", err)
	}
	runs := false
	err = h.eachProcess(func(pid, name string) {
		if name == networkdComm {
			there, err := os.Readlink(h.path("proc", pid, "ns", "net"))
			runs = runs || err == nil && there == here
		}
	})
	if err != nil || !runs {
		return nil, err
	}
	values, err := h.networkdConfig()
	var on []string
	for _, s := range networkdSettings {
		if v, ok := values[s]; !ok || slices.Contains([]string{"1", "yes", "y", "true", "t", "on"}, strings.ToLower(v)) {
			on = append(on, s)
		}
	}
	return on, err
}

// networkdDirs are where its configuration lies, the most important first.
var networkdDirs = []string{"etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd"}

// networkdConfig reads the first main file and then all drop-ins by name, of
// which one name counts in its most important directory only.
func (h Host) networkdConfig() (map[string]string, error) {
	values := map[string]string{}
	var errs []error
	for _, dir := range networkdDirs {
		err := readSettings(h.path(dir, "networkd.conf"), values)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	dropIns := map[string]string{}
	for _, dir := range slices.Backward(networkdDirs) {
		files, _ := filepath.Glob(h.path(dir, "networkd.conf.d", "*.conf"))
		for _, f := range files {
			dropIns[filepath.Base(f)] = f
		}
	}
	names := make([]string, 0, len(dropIns))
	for n := range dropIns {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		errs = append(errs, readSettings(dropIns[n], values))
	}
	return values, errors.Join(errs...)
}

// readSettings takes the section [Network] of a file into values.
func readSettings(path string, values map[string]string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if ok && section == "[Network]" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ";") {
			values[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return nil
}
