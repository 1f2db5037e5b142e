package firewall

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// legacyTimeout bounds how long iptables-legacy-save may take.
const legacyTimeout = 5 * time.Second

// legacyChains reads the tables of iptables-legacy, which nftables does not show,
// where the kernel has any. Without the program that prints them each of their
// chains may drop.
func legacyChains() []foreignChain {
	names, err := os.ReadFile("/proc/thread-self/net/ip_tables_names")
	if err != nil {
		return nil // the kernel has no iptables-legacy
	}
	var out []foreignChain
	for _, table := range strings.Fields(string(names)) {
		text, err := saveLegacy(table)
		if err != nil {
			out = append(out, foreignChain{
				family: "ip", table: table + legacySuffix, name: "FORWARD", hook: hookForward,
				rules: []foreignRule{{verdict: verdictMaybeDrop, text: "rules of iptables-legacy that cannot be read: " + err.Error()}},
			})
			continue
		}
		out = append(out, parseLegacy(text)...)
	}
	return out
}

func saveLegacy(table string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), legacyTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, findProgram("iptables-legacy-save"), "-t", table).Output()
	return string(out), err
}

// findProgram looks where the PATH of a service may not lead.
func findProgram(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return filepath.Join("/usr/sbin", name)
}
