package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
)

// Hash says which fields of a packet choose its next hop.
type Hash string

// The two kinds of hash.
const (
	HashL3 Hash = "l3" // addresses
	HashL4 Hash = "l4" // addresses, protocol and ports
)

const (
	hashPolicy = "net.ipv4.fib_multipath_hash_policy"
	hashFields = "net.ipv4.fib_multipath_hash_fields"
	hashSeed   = "net.ipv4.fib_multipath_hash_seed"
	// fiveTuple is source, destination, protocol, source port, destination port.
	fiveTuple = "55" // 0x37
)

// SetMultipathHash makes the kernel hash as asked. note is empty unless something
// is worth a line in the log: before Linux 5.14 the L4 hash is policy 1, which may
// reuse a hash that the packet already carries, so that it is not the same in both
// directions. Policy 3 with the five fields always reads the packet.
func (s *Settings) SetMultipathHash(h Hash) (note string, err error) {
	switch h {
	case HashL3:
		_, err = s.Set(hashPolicy, "0")
		return "", err
	case HashL4:
		_, err = s.Set(hashFields, fiveTuple)
		if errors.Is(err, fs.ErrNotExist) {
			_, err = s.Set(hashPolicy, "1")
			return "this kernel (before Linux 5.14) has no fib_multipath_hash_fields: multipath hash policy 1 is used, " +
				"which may send the two directions of one flow over different hops", err
		}
		if err != nil {
			return "", err
		}
		_, err = s.Set(hashPolicy, "3")
		return "", err
	}
	return "", fmt.Errorf("unknown multipath hash %q; use %s or %s", h, HashL3, HashL4)
}

// ErrNoSeed says that the kernel's multipath hash has no seed that can be set.
var ErrNoSeed = errors.New("this kernel (before Linux 6.11) has no fib_multipath_hash_seed: its hash is not that of other routers, " +
	"and the two directions of one flow may pass different routers")

// SetMultipathSeed makes the hash the same function as on every router with the
// same seed. 0 puts back what was there before. ErrNoSeed is wrapped when a seed
// is wanted and the kernel has none.
func (s *Settings) SetMultipathSeed(seed uint32) error {
	value := strconv.FormatUint(uint64(seed), 10)
	if seed == 0 {
		old, changed := s.old[hashSeed]
		if !changed {
			return nil
		}
		value = old
	}
	_, err := s.Set(hashSeed, value)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNoSeed
	}
	return err
}

// Seed reads the seed of the kernel's hash, 0 when it is random.
func (s *Settings) Seed() (uint32, error) { return s.number(hashSeed, 32) }

// Multipath is how the kernel hashes now.
type Multipath struct {
	Policy   uint8
	Fields   uint32 // of policy 3, else 0
	Seedable bool   // the kernel's hash has a seed that can be set
}

// Multipath reads how the kernel hashes.
func (s *Settings) Multipath() (Multipath, error) {
	policy, err := s.number(hashPolicy, 8)
	if err != nil {
		return Multipath{}, err
	}
	m := Multipath{Policy: uint8(policy)}
	if policy == 3 {
		if m.Fields, err = s.number(hashFields, 32); err != nil {
			return Multipath{}, err
		}
	}
	_, err = s.Get(hashSeed)
	m.Seedable = err == nil
	return m, nil
}

func (s *Settings) number(name string, bits int) (uint32, error) {
	text, err := s.Get(name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return 0, fmt.Errorf("kernel setting %s: %w", name, err)
	}
	return uint32(n), nil
}
