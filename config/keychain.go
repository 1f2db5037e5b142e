package config

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ecmpd/ecmpd/ospf/auth"
)

// algorithms have their names in RFC 8177, and the password that of RFC 2328 D.2 as well.
var algorithms = []choice[auth.Algorithm]{
	{auth.HMACSHA256.String(), auth.HMACSHA256},
	{auth.HMACSHA384.String(), auth.HMACSHA384},
	{auth.HMACSHA512.String(), auth.HMACSHA512},
	{auth.HMACSHA1.String(), auth.HMACSHA1},
	{auth.MD5.String(), auth.MD5},
	{"simple-password", auth.Cleartext},
	{auth.Cleartext.String(), auth.Cleartext},
}

// trailers are the values of RFC 9129's auth-trailer-rfc: extended sequence numbers or not.
var trailers = []choice[bool]{{"rfc5709", false}, {"rfc7474", true}}

// keyChain is a chain of the file and whether an interface uses it.
type keyChain struct {
	node *node // of its name
	keys []auth.Key
	used bool
}

// keyChains reads the chains, by name.
func (r *report) keyChains(raws []rawKeyChain) map[string]*keyChain {
	chains := make(map[string]*keyChain)
	for _, raw := range raws {
		keys := r.chainKeys(&raw)
		switch n := raw.Name; {
		case n == nil:
			if !raw.Node.has("name") {
				r.errorf(raw.Node, "\"name\" is missing: interfaces refer to a key chain by its name")
			}
		case n.text == "":
			r.errorf(n, "%q is empty: interfaces refer to a key chain by its name", n.key)
		case chains[n.text] != nil:
			r.errorf(n, "key chain %q is already in line %d: put the keys there", n.text, chains[n.text].node.line)
		default:
			chains[n.text] = &keyChain{node: n, keys: keys}
		}
	}
	return chains
}

func (r *report) chainKeys(raw *rawKeyChain) []auth.Key {
	if !raw.Node.hasItems("keys") {
		r.errorf(raw.Node, "\"keys\" is missing: a key chain has a key at least")
	}
	var keys []auth.Key
	lines := make(map[uint8]int)
	before := len(r.errors)
	for _, k := range raw.Keys {
		key := r.key(k.Node, k.ID, k.Algorithm, k.Key, k.KeyFile)
		key.Send = r.lifetime(k.SendFrom, k.SendUntil)
		key.Accept = r.lifetime(k.AcceptFrom, k.AcceptUntil)
		if line, twice := lines[key.ID]; twice && k.ID != nil {
			r.errorf(k.ID, "%s %d is already in line %d: a key id stands once in a key chain", k.ID.key, key.ID, line)
		} else if k.ID != nil {
			lines[key.ID] = k.ID.line
		}
		keys = append(keys, key)
	}
	if len(r.errors) == before {
		r.warnLifetimes(raw, keys)
	}
	return keys
}

// key reads what identifies a key and its secret.
func (r *report) key(at, id, algorithm, secret, file *node) auth.Key {
	if id == nil && !at.has("key-id") {
		r.errorf(at, "\"key-id\" is missing: a number from 0 to 255, the same on all routers")
	}
	if algorithm == nil && !at.has("algorithm") {
		r.errorf(at, "\"algorithm\" is missing: %s is a good one", auth.HMACSHA256)
	}
	k := auth.Key{
		ID:        uint8(r.number(id, 0, 0, 255)),
		Algorithm: enum(r, algorithm, auth.HMACSHA256, algorithms),
	}
	n := secret
	switch {
	case secret != nil && file != nil:
		r.errorf(file, "either \"key\" or \"key-file\", not both")
		return k
	case secret != nil:
		k.Secret = auth.NewSecret(secret.text)
	case file != nil:
		text, ok := r.readKey(file)
		if !ok {
			return k
		}
		n, k.Secret = file, auth.NewSecret(text)
	default:
		if !at.has("key") && !at.has("key-file") {
			r.errorf(at, "\"key\" is missing: write the secret, or key-file: and the path of a file that holds it")
		}
		return k
	}
	longest := k.Algorithm.MaxSecret()
	switch length := k.Secret.Len(); {
	case length == 0:
		r.errorf(n, "%q holds an empty secret", n.key)
	case longest > 0 && length > longest:
		r.errorf(n, "%q holds a secret of %d bytes, %s uses at most %d", n.key, length, k.Algorithm, longest)
	case longest == 0 && length > k.Algorithm.DigestLen():
		r.warnf(n, "%q holds a secret of %d bytes: beyond %d, the digest of %s, not all routers agree on how to use it (RFC 5709 3.3)",
			n.key, length, k.Algorithm.DigestLen(), k.Algorithm)
	}
	return k
}

// maxKeyFile is the size in bytes beyond which a file holds no key.
const maxKeyFile = 1024

// readKey reads a key file; a relative path begins at the configuration file.
// One that cannot be read is for [Config.Ready] to refuse: keys often arrive
// on a machine after its configuration was checked.
func (r *report) readKey(n *node) (text string, ok bool) {
	path := n.text
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(r.file), path)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not hold us up
	if err != nil {
		r.unreadyf(n, "%s: %v", n.key, err)
		return "", false
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", path)
	}
	var data []byte
	if err == nil {
		data, err = io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	}
	switch {
	case err != nil:
		r.unreadyf(n, "%s: %v", n.key, err)
		return "", false
	case len(data) > maxKeyFile:
		r.errorf(n, "%s: %s is larger than %d bytes: it holds no key", n.key, path, maxKeyFile)
		return "", false
	case info.Mode().Perm()&0o007 != 0:
		r.warnf(n, "%s: everybody on this machine may read or write %s: chmod 600", n.key, path)
	}
	return strings.TrimRight(string(data), "\r\n"), true
}

// lifetime reads the two ends of a key's time.
func (r *report) lifetime(from, until *node) auth.Lifetime {
	l := auth.Lifetime{From: r.instant(from), Until: r.instant(until)}
	if !l.From.IsZero() && !l.Until.IsZero() && !l.From.Before(l.Until) {
		r.errorf(until, "%s %s is not after %s %s", until.key, until.text, from.key, from.text)
	}
	return l
}

// instant reads a time of RFC 3339; zero without one.
func (r *report) instant(n *node) time.Time {
	if n == nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, n.text)
	if err != nil {
		r.errorf(n, "%q is a time such as 2027-01-01T00:00:00Z or 2027-01-01T01:00:00+01:00, not %q", n.key, n.text)
		return time.Time{}
	}
	return t.UTC()
}

// warnLifetimes tells of a chain whose keys do not follow each other smoothly
// (RFC 2328 D.3).
func (r *report) warnLifetimes(raw *rawKeyChain, keys []auth.Key) {
	for n, k := range keys {
		if early := !k.Accept.From.IsZero() && k.Send.From.Before(k.Accept.From); early ||
			!k.Accept.Until.IsZero() && (k.Send.Until.IsZero() || k.Accept.Until.Before(k.Send.Until)) {
			r.warnf(raw.Keys[n].Node, "key %d is sent %s and accepted %s: the clocks of routers differ a little, so accept it a while longer on both sides", k.ID, k.Send, k.Accept)
		}
	}
	order := make([]int, len(keys))
	for n := range keys {
		order[n] = n
	}
	slices.SortStableFunc(order, func(a, b int) int { return keys[a].Send.From.Compare(keys[b].Send.From) })
	var covered time.Time // until then there is a key to send with
	last := -1
	for _, n := range order {
		k := keys[n]
		if last >= 0 && covered.Before(k.Send.From) {
			r.warnf(raw.Keys[n].Node, "no key is sent from %s until %s: key %d goes on meanwhile", covered.Format(time.RFC3339), k.Send.From.Format(time.RFC3339), keys[last].ID)
		}
		if k.Send.Until.IsZero() {
			return // for ever
		}
		if last < 0 || covered.Before(k.Send.Until) {
			covered, last = k.Send.Until, n
		}
	}
	if last >= 0 {
		r.warnf(raw.Keys[last].Node, "from %s no key of the chain is valid for sending: this one goes on; leave send-until away or add a key", covered.Format(time.RFC3339))
	}
}

// authentication reads how an interface authenticates.
func (r *report) authentication(raw *rawAuthentication) auth.Scheme {
	if raw == nil {
		return auth.Scheme{}
	}
	s := auth.Scheme{Extended: enum(r, raw.Trailer, false, trailers)}
	own := cmp.Or(raw.ID, raw.Algorithm, raw.Key, raw.KeyFile)
	switch {
	case raw.KeyChain != nil && own != nil:
		r.errorf(own, "either \"key-chain\" or a key of the interface's own, not both")
		return s
	case raw.KeyChain != nil:
		chain := r.chains[raw.KeyChain.text]
		if chain == nil {
			r.unknownChain(raw.KeyChain)
			return s
		}
		chain.used = true
		s.Chain, s.Keys = raw.KeyChain.text, chain.keys
	case !raw.Node.has("key-chain"):
		s.Keys = []auth.Key{r.key(raw.Node, raw.ID, raw.Algorithm, raw.Key, raw.KeyFile)}
	}
	for _, k := range s.Keys {
		if s.Extended && k.Algorithm < auth.HMACSHA1 {
			r.errorf(raw.Trailer, "%s rfc7474 needs keys with hmac-sha-1 or better, key %d is %s", raw.Trailer.key, k.ID, k.Algorithm)
			break
		}
	}
	return s
}

func (r *report) unknownChain(n *node) {
	var names []string
	for name := range r.chains {
		names = append(names, name)
	}
	slices.Sort(names)
	switch near := nearest(n.text, names); {
	case near != "":
		r.errorf(n, "there is no key chain %q: did you mean %q?", n.text, near)
	case len(names) > 0:
		r.errorf(n, "there is no key chain %q: known are %s", n.text, strings.Join(names, ", "))
	default:
		r.errorf(n, "there is no key chain %q: write it under key-chains: at the top level", n.text)
	}
}

// warnUnusedChains tells of chains that neither an interface nor a BFD session uses.
func (r *report) warnUnusedChains() {
	for _, c := range r.chains {
		if !c.used {
			r.warnf(c.node, "no interface uses key chain %q", c.node.text)
		}
	}
}
