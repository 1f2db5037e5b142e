package symmetry

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Key is what routers share that hash alike: the seed for the kernel, and a
// fingerprint for others to compare. Neither tells the other, and neither the
// secret.
type Key struct {
	// Seed is never 0, which means random to the kernel.
	Seed        uint32
	Fingerprint [packet.FingerprintLen]byte
	// Guessable says that there was no secret: who can reach the routers can
	// choose flows that meet one and the same hub.
	Guessable bool
}

// NewKey derives the key from the secret that all routers share, by HKDF with
// SHA-256 (RFC 5869). Without a secret it is that of the area.
func NewKey(secret string, area packet.ID) Key {
	k := Key{Guessable: secret == ""}
	if k.Guessable {
		secret = "area " + area.String()
	}
	seed := derive(secret, "ecmpd multipath seed", 4)
	k.Seed = max(binary.BigEndian.Uint32(seed), 1)
	copy(k.Fingerprint[:], derive(secret, "ecmpd multipath fingerprint", packet.FingerprintLen))
	return k
}

func derive(secret, label string, n int) []byte {
	b, err := hkdf.Key(sha256.New, []byte(secret), nil, label, n)
	if err != nil { // SHA-256 gives up to 8160 bytes
		panic(fmt.Sprintf("HKDF of %d bytes: %v", n, err))
	}
	return b
}
