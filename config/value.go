package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Values: text of the file to Go values. A nil node is a key that is not there
// and gives the default; what is wrong is reported and gives the default too.

// number reads a whole decimal number within lowest..highest.
func (r *report) number(n *node, fallback, lowest, highest uint32) uint32 {
	if n == nil {
		return fallback
	}
	v, err := strconv.ParseUint(n.text, 10, 32)
	if err != nil || uint32(v) < lowest || uint32(v) > highest || leadingZero(n.text) {
		r.errorf(n, "%q is a whole number from %d to %d, not %q", n.key, lowest, highest, n.text)
		return fallback
	}
	return uint32(v)
}

// leadingZero finds numbers that some YAML readers take for octal.
func leadingZero(s string) bool { return len(s) > 1 && s[0] == '0' }

// boolean reads true or false.
func (r *report) boolean(n *node, fallback bool) bool {
	if n == nil {
		return fallback
	}
	switch strings.ToLower(n.text) {
	case "true":
		return true
	case "false":
		return false
	case "yes", "on", "y", "1":
		r.errorf(n, "%q is true or false, not %q: write true", n.key, n.text)
	case "no", "off", "n", "0":
		r.errorf(n, "%q is true or false, not %q: write false", n.key, n.text)
	default:
		r.errorf(n, "%q is true or false, not %q", n.key, n.text)
	}
	return fallback
}

// duration reads a Go duration within lowest..highest that is a multiple of step.
func (r *report) duration(n *node, fallback, lowest, highest, step time.Duration) time.Duration {
	if n == nil {
		return fallback
	}
	d, err := time.ParseDuration(n.text)
	switch {
	case err != nil || n.text == "0":
		hint := ": write it with its unit, such as 500ms, 10s or 2m"
		if _, err := strconv.ParseUint(n.text, 10, 32); err == nil {
			hint = fmt.Sprintf(": write %ss when seconds are meant", n.text)
		}
		r.errorf(n, "%q is a duration, not %q%s", n.key, n.text, hint)
	case d < lowest || d > highest:
		r.errorf(n, "%q is from %s to %s, not %s", n.key, seconds(lowest), seconds(highest), n.text)
	case d%step != 0:
		r.errorf(n, "%q is in whole seconds, not %s: write %s", n.key, n.text, seconds(d.Truncate(step)+step))
	default:
		return d
	}
	return fallback
}

// seconds writes a duration as it stands in a configuration: 65535s, not 18h12m15s.
func seconds(d time.Duration) string {
	if d%time.Second == 0 {
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	}
	return d.String()
}

// choice is one word of a closed list.
type choice[T any] struct {
	word  string
	value T
}

// enum reads one of the choices.
func enum[T any](r *report, n *node, fallback T, choices []choice[T]) T {
	if n == nil {
		return fallback
	}
	var words []string
	for _, c := range choices {
		if c.word == n.text {
			return c.value
		}
		words = append(words, c.word)
	}
	known := strings.Join(words, " or ")
	if near := nearest(n.text, words); near != "" {
		r.errorf(n, "%q is %s, not %q: did you mean %q?", n.key, known, n.text, near)
	} else {
		r.errorf(n, "%q is %s, not %q", n.key, known, n.text)
	}
	return fallback
}

// prefix reads an IPv4 prefix without host bits.
func (r *report) prefix(n *node) (netip.Prefix, bool) {
	p, err := parsePrefix(n.text)
	if err != nil {
		r.errorf(n, "%s: %v", n.key, err)
	}
	return p, err == nil
}

func (r *report) prefixes(nodes []*node) []netip.Prefix {
	var list []netip.Prefix
	for _, n := range nodes {
		if p, ok := r.prefix(n); ok {
			list = append(list, p)
		}
	}
	return list
}

func parsePrefix(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		if a, err := netip.ParseAddr(text); err == nil && a.Is4() {
			return netip.Prefix{}, fmt.Errorf("%s is an address without prefix length: write %s/32", text, text)
		}
		return netip.Prefix{}, fmt.Errorf("%q is not an IPv4 prefix such as 10.0.0.0/24", text)
	}
	if !p.Addr().Is4() {
		return netip.Prefix{}, fmt.Errorf("%s is not IPv4, the only family of OSPFv2", text)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%s has host bits set: write %s", text, p.Masked())
	}
	return p, nil
}

// address reads an IPv4 address that a host can have.
func (r *report) address(n *node) (netip.Addr, bool) {
	a, err := netip.ParseAddr(n.text)
	if err != nil || !a.Is4() {
		r.errorf(n, "%q is an IPv4 address such as 10.0.0.1, not %q", n.key, n.text)
		return netip.Addr{}, false
	}
	if first := a.As4()[0]; first == 0 || first == 127 || first >= 224 {
		r.errorf(n, "%q is the address of another host, not %s", n.key, n.text)
		return netip.Addr{}, false
	}
	return a, true
}
