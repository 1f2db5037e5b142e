package injector

import (
	"net/netip"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

const (
	firstExternal  = packet.ID(40 << 24) // 40.0.0.0
	externalBits   = 28
	externalMetric = 20
)

// ExternalsNet holds all externals.
var ExternalsNet = netip.PrefixFrom(firstExternal.Addr(), 8)

// External is the prefix of external i, one of 1,048,576 that follow each
// other.
func External(i int) netip.Prefix {
	return netip.PrefixFrom((firstExternal + packet.ID(i)<<(32-externalBits)).Addr(), externalBits)
}

// Externals builds the first instance of AS-external-LSAs first … first+count-1
// of one ASBR, with metric 20 of type 1 or 2.
func Externals(asbr packet.ID, first, count int, type2 bool) [][]byte {
	lsas := make([][]byte, count)
	for i := range lsas {
		lsas[i] = ExternalLSA(asbr, first+i, type2, packet.InitialSeq, 1)
	}
	return lsas
}

// ExternalLSA builds one instance of an AS-external-LSA with an age in
// seconds; packet.MaxAge withdraws it.
func ExternalLSA(asbr packet.ID, i int, type2 bool, seq packet.Seq, age uint16) []byte {
	return packet.BuildLSA(packet.LSAHeader{
		Age: age, Options: packet.OptE, Type: packet.LSExternal,
		ID: packet.IDFromAddr(External(i).Addr()), Adv: asbr, Seq: seq,
	}, packet.ExternalLSA{Mask: packet.MaskOf(externalBits), Type2: type2, Metric: externalMetric})
}
