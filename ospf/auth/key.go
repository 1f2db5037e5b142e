package auth

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// Algorithm is how a key authenticates.
type Algorithm uint8

// Algorithms, by strength.
const (
	Cleartext  Algorithm = iota + 1 // simple password, RFC 2328 D.2
	MD5                             // keyed MD5, RFC 2328 D.3
	HMACSHA1                        // RFC 5709
	HMACSHA256                      // RFC 5709
	HMACSHA384                      // RFC 5709
	HMACSHA512                      // RFC 5709
)

var algorithms = [...]struct {
	name   string
	digest int
}{
	Cleartext:  {"cleartext", 0},
	MD5:        {"md5", 16},
	HMACSHA1:   {"hmac-sha-1", 20},
	HMACSHA256: {"hmac-sha-256", 32},
	HMACSHA384: {"hmac-sha-384", 48},
	HMACSHA512: {"hmac-sha-512", 64},
}

// String returns the algorithm's name in RFC 8177.
func (a Algorithm) String() string {
	if int(a) < len(algorithms) && algorithms[a].name != "" {
		return algorithms[a].name
	}
	return fmt.Sprintf("algorithm(%d)", uint8(a))
}

// DigestLen is the length of the algorithm's digest in bytes; 0 of a simple password.
func (a Algorithm) DigestLen() int { return algorithms[a].digest }

// MaxSecret is the longest secret in bytes that makes sense: what is beyond it
// would not be used at all. 0 is any length.
func (a Algorithm) MaxSecret() int {
	switch a {
	case Cleartext:
		return 8 // D.2
	case MD5:
		return 16 // D.4.3 (6)
	}
	return 0
}

// Secret is the text of a key. It does not print, but it can be marshalled.
type Secret struct{ text string }

// NewSecret wraps a text.
func NewSecret(text string) Secret { return Secret{text} }

// Len is the length of the secret in bytes.
func (s Secret) Len() int { return len(s.text) }

// Text is the secret itself, for those who authenticate other packets with it.
func (s Secret) Text() string { return s.text }

// String hides the secret.
func (s Secret) String() string { return "(secret)" }

// GoString hides the secret.
func (s Secret) GoString() string { return "(secret)" }

// MarshalText writes the secret, in base64. Only what has to run again needs it: recordings.
func (s Secret) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, []byte(s.text)), nil
}

// UnmarshalText reads what MarshalText wrote.
func (s *Secret) UnmarshalText(b []byte) error {
	text, err := base64.StdEncoding.AppendDecode(nil, b)
	s.text = string(text)
	return err
}

// Lifetime is the time of day from which and until which a key is used (RFC
// 2328 D.3). A zero instant is no bound; until is no part of the time.
type Lifetime struct{ From, Until time.Time }

// Contains tells whether the instant lies in the lifetime.
func (l Lifetime) Contains(at time.Time) bool {
	return !at.Before(l.From) && !l.over(at)
}

func (l Lifetime) over(at time.Time) bool {
	return !l.Until.IsZero() && !at.Before(l.Until)
}

// String is "from A", "until B" or "from A until B", in RFC 3339.
func (l Lifetime) String() string {
	var parts []string
	if !l.From.IsZero() {
		parts = append(parts, "from "+l.From.Format(time.RFC3339))
	}
	if !l.Until.IsZero() {
		parts = append(parts, "until "+l.Until.Format(time.RFC3339))
	}
	if parts == nil {
		return "for ever"
	}
	return strings.Join(parts, " ")
}

// Key is one key of a chain.
type Key struct {
	ID           uint8 // unique in its chain; not on the wire with a simple password
	Algorithm    Algorithm
	Secret       Secret
	Send, Accept Lifetime
}

// String names the key for an operator: "key 1 (md5)".
func (k Key) String() string { return fmt.Sprintf("key %d (%s)", k.ID, k.Algorithm) }
