package config

import (
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/auth"
)

// bfd reads the BFD of an interface or a next hop: true, false, or a mapping that is on
// unless it says otherwise. The defaults, 300 ms and 3, are those of FRR.
func (r *report) bfd(raw *rawBFD) ospf.BFD {
	b := ospf.BFD{
		MinInterval: r.duration(raw.MinInterval, 300*time.Millisecond, 10*time.Millisecond, time.Minute, time.Millisecond),
		Multiplier:  uint8(r.number(raw.Multiplier, 3, 1, 255)),
	}
	b.Auth, b.Meticulous = r.bfdAuthentication(raw.Authentication)
	enabled := false
	switch {
	case raw.Node == nil:
	case raw.Node.kind == scalar:
		enabled = r.boolean(raw.Node, false)
	default:
		enabled = r.boolean(raw.Enabled, true)
	}
	if !enabled {
		return ospf.BFD{}
	}
	return b
}

// bfdAuthentication reads how a session authenticates (RFC 5880 6.7): a session knows one type
// of authentication, and so the keys of its chain have one algorithm.
func (r *report) bfdAuthentication(raw *rawBFDAuthentication) (s auth.Scheme, meticulous bool) {
	if raw == nil {
		return auth.Scheme{}, false
	}
	meticulous = r.boolean(raw.Meticulous, false)
	if raw.KeyChain == nil {
		if !raw.Node.has("key-chain") {
			r.errorf(raw.Node, "\"key-chain\" is missing: the name of one under key-chains")
		}
		return auth.Scheme{}, false
	}
	chain := r.chains[raw.KeyChain.text]
	if chain == nil {
		r.unknownChain(raw.KeyChain)
		return auth.Scheme{}, false
	}
	chain.used = true
	const longestSHA1 = 20 // bytes, RFC 5880 6.7.4
	for _, k := range chain.keys {
		switch {
		case k.Algorithm > auth.HMACSHA1:
			r.errorf(raw.KeyChain, "BFD knows cleartext, md5 and hmac-sha-1 (its keyed SHA1), %s of key chain %q is none of them", k, raw.KeyChain.text)
		case k.Algorithm != chain.keys[0].Algorithm:
			r.errorf(raw.KeyChain, "the keys of key chain %q have different algorithms: a BFD session needs one for all (RFC 5880 6.7)", raw.KeyChain.text)
		case k.Algorithm == auth.HMACSHA1 && k.Secret.Len() > longestSHA1:
			r.errorf(raw.KeyChain, "%s of key chain %q has %d bytes, BFD uses at most %d", k, raw.KeyChain.text, k.Secret.Len(), longestSHA1)
		default:
			continue
		}
		return auth.Scheme{}, false
	}
	if meticulous && len(chain.keys) > 0 && chain.keys[0].Algorithm == auth.Cleartext {
		r.errorf(raw.Meticulous, "a password has no sequence numbers to be meticulous with: use md5 or hmac-sha-1")
	}
	return auth.Scheme{Chain: raw.KeyChain.text, Keys: chain.keys}, meticulous
}

// faster returns the one that detects a failure sooner.
func faster(a, b ospf.BFD) ospf.BFD {
	if b.Multiplier == 0 || a.Multiplier > 0 && a.MinInterval*time.Duration(a.Multiplier) <= b.MinInterval*time.Duration(b.Multiplier) {
		return a
	}
	return b
}
