package auth

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// golden are Hellos that BIRD 2.0.12 and FRR 8.4.4 sent, with the digest behind them.
var golden = []struct {
	name, secret string
	key          Key
	src          string
	raw          string
}{
	{"BIRD Cleartext", "swordfsh", Key{ID: 0, Algorithm: Cleartext}, "10.9.0.1",
		"0201002c0202020200000000f7ca000173776f7264667368" +
			"fffffffc00010201000000040000000000000000"},
	{"BIRD MD5", "sixteen byte key", Key{ID: 7, Algorithm: MD5}, "10.9.1.1",
		"0201002c020202020000000000000002000007106b03350b" +
			"fffffffc00010201000000040000000000000000" +
			"f147bf2ecbed16fe0dee0073b2b80516"},
	{"BIRD HMACSHA1", "twenty byte sha1 key", Key{ID: 1, Algorithm: HMACSHA1}, "10.9.2.1",
		"0201002c020202020000000000000002000001146b03350b" +
			"fffffffc00010201000000040000000000000000" +
			"56b37018d3ad77c2b1bc8809bde2851cf4774ecd"},
	{"BIRD HMACSHA256", "short", Key{ID: 2, Algorithm: HMACSHA256}, "10.9.3.1",
		"0201002c020202020000000000000002000002206b03350b" +
			"fffffffc00010201000000040000000000000000" +
			"6dd3096d1d942ddefd01bab1626d21d7fdec12b5dd83bbe70e9810baf18f97a7"},
	{"BIRD HMACSHA384", "three eighty four", Key{ID: 255, Algorithm: HMACSHA384}, "10.9.4.1",
		"0201002c0202020200000000000000020000ff306b03350b" +
			"fffffffc00010201000000040000000000000000" +
			"95863b92c3ab24cde6ee42a9c8df771de414eaa7063308b0f8fe3974f8fe33d8e880d274a134cddde769c6863da79d11"},
	{"BIRD HMACSHA512", "five hundred and twelve", Key{ID: 5, Algorithm: HMACSHA512}, "10.9.5.1",
		"0201002c020202020000000000000002000005406b03350b" +
			"fffffffc00010201000000040000000000000000" +
			"2399661df48dbe099ccc3e41d3c5f3202584e3cef6d56ab66c3ca6817fa44cb5f5d16036f319a385d71693ee86a5c2ba8b7b8190c2fc8a19dfea44bd7b905767"},
	{"FRR Cleartext", "swordfsh", Key{ID: 0, Algorithm: Cleartext}, "10.9.0.1",
		"0201002c0303030300000000f5c8000173776f7264667368" +
			"fffffffc00010201000000040000000000000000"},
	{"FRR MD5", "short", Key{ID: 1, Algorithm: MD5}, "10.9.2.1",
		"0201002c030303030000000000000002000001106b033514" +
			"fffffffc00010201000000040000000000000000" +
			"ee3a4761a057dbd2b0405a8798a09716"},
}

// noon is within every lifetime without bounds.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What other makes send is authentic, and the same packet made here has the same bytes.
func TestGolden(t *testing.T) {
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			raw, src := unhex(t, g.raw), netip.MustParseAddr(g.src)
			g.key.Secret = NewSecret(g.secret)
			s := Scheme{Keys: []Key{g.key}}
			h, body, err := packet.Decode(raw)
			if err != nil {
				t.Fatal(err)
			}
			proof, err := s.Verify(raw, h, src, noon)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Append(nil, h, body, g.key, src, proof.Sequence); !bytes.Equal(got, raw) {
				t.Errorf("made here:\n%x\nsent there:\n%x", got, raw)
			}
		})
	}
}

// vectors are digests of the Hello of golden packet 3 with key id 9: of
// authentication type 2 with sequence number 0x6b03350b, and of type 3 with 5<<32|77 and
// source address 10.9.3.1. Made with Python:
//
//	ko = h(secret).digest() if len(secret) > L else secret       (RFC 5709 3.3)
//	hmac.new(ko, packet + 878fe1f3 * (L/4), h)                    type 2
//	secret += b"\0\3"; ko as above                                (RFC 7474 6)
//	hmac.new(ko, packet + sequence + source + 878fe1f3 * (L/4-1), h)   type 3
var vectors = []struct {
	algorithm Algorithm
	secret    string
	two       string
	three     string
}{
	{HMACSHA1, "secret",
		"e1fa3fe450fd23a5595005a1061090c4d99bc543",
		"1a9a2f132f2ab1b8eb08909a0fe21e8c0b4aa901"},
	{HMACSHA1, strings.Repeat("x", 20),
		"33971f6cb7c4768334b04c1b78a7d9a8c12b93bb",
		"b5500e91b71d8168ea1d4de84383fec8e130aeae"},
	{HMACSHA1, longSecret,
		"b72d272e0df1c890e494c6c2569788a1b3450c87",
		"5c8ff4cb0877ffac00fe6311fee96ed62d6db5a1"},
	{HMACSHA256, "secret",
		"c20d34c8802d03e33a8f7d899bc5c9768f78000046e1aee1a999c2a88718b77d",
		"42d4d214dfdcc5487fb660da83e97b5e7785e92c265606a74c4d710a310720a5"},
	{HMACSHA256, strings.Repeat("x", 32),
		"6e212c832f056bf7dddecea8b278246ab193093797511ffa452bd126201a1a86",
		"fc4c1176eeeb440cb543e5a2129f02bbec34d4d9184e9ccd380d750f9a27cd75"},
	{HMACSHA256, longSecret,
		"d43765a56d238fe0abc0ab18f64e459a45dbf94955f5a44f973db75eb1f206a6",
		"1828db4d04d7c17aa2775425ee47a51c4c76bfa79ceab1db86ffed88cd9ee9d0"},
	{HMACSHA384, "secret",
		"2a5fa15145fccedeb234dc453970e8852a6f043ff1e9092ba6865eb3832e807e7f152c908b0475b7664d77ee7d6224cf",
		"0d04b26162d33722cfef3ce277077bde3e866cacef762f735f0da81a1e666c334ed07f511d435266c25d6795956625cd"},
	{HMACSHA384, strings.Repeat("x", 48),
		"6b319814bd445a209faadf165ff243ab95b506ad21c15d70eb92efea618d3fe9f4ce928bfda9a84763dcfd78f6b2ca47",
		"c73a2a8af00dc8023587013f8ba14f0c8030fa65cc53348b509fa48c91bac3756e1f16a1c66ffba72121fca028f755b2"},
	{HMACSHA384, longSecret,
		"3aa05e4f0e1c8f23cc052f790a732f20c193fa804ccc2b4e8076ba5eac5a9d3055d7a39818365127e2227ef676b5055a",
		"e185bbacb9e51204509a89ea4ec9541446924beed8d012c878ceb2ab8527277e04b7113bf841e5fe022e7186b7348f15"},
	{HMACSHA512, "secret",
		"8ae34eb3fdec7ae6d1d2cf2f5c16110a328a6e2c61c151518618a223f32c7710620e9a3c4785e288e9c1a37ad810761146f2f92424315c729408da22fefaded6",
		"c49f623a9f73b8969e0e1bbe2d00026115f109478e849c6724c270ba37949e428a9defafdfd3924f8b1c1ea30d9ce580a6c3cc65ffd64d9b2e0ffd6b43f80e75"},
	{HMACSHA512, strings.Repeat("x", 64),
		"e5f393bc57e7ede4215696f7d0e8c92ddeb5c271a6e2631bec3c7d003a322eb217426c815896d5e34655d309f66c7fc34b545b9f2a3d206523823f6f04cfbc49",
		"8230c88fb5abcc1c1373219e5d25a66a89591710240985bc43377ff0fd115bc79c70d893b38dee47a8ed5f2cdc55e888c52b483a0394b5040a6377a20cc1db73"},
	{HMACSHA512, longSecret,
		"763fabfbdcb520a87dd891cd7ba3f825fc1c8b736705bf05689c1925df5d607e73448716c253ae321eef976815fba8233d47d437f9e7dc885b4c5b94c82a6c10",
		"f446f4db6f9cc01147ca993ac9916396f2df869ac6675f286f57a2fb09733f8dda4e6754c8bb122cf0a44f9d693fb8cf001b60332f07041bedcd3953dac36837"},
}

const longSecret = "a secret that is longer than the digest of every algorithm in use here"

func TestVectors5709And7474(t *testing.T) {
	raw := unhex(t, golden[3].raw)
	h, body, err := packet.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	src := netip.MustParseAddr(golden[3].src)
	for _, v := range vectors {
		k := Key{ID: 9, Algorithm: v.algorithm, Secret: NewSecret(v.secret)}
		for _, c := range []struct {
			extended bool
			sequence uint64
			want     string
		}{{false, 0x6b03350b, v.two}, {true, 5<<32 | 77, "000000050000004d" + v.three}} {
			s := Scheme{Keys: []Key{k}, Extended: c.extended}
			got := s.Append(nil, h, body, k, src, c.sequence)
			if behind := hex.EncodeToString(got[44:]); behind != c.want {
				t.Errorf("%s, %d byte secret, extended %v:\n got %s\nwant %s", v.algorithm, len(v.secret), c.extended, behind, c.want)
			}
			h, _, err := packet.Decode(got)
			if err != nil {
				t.Fatal(err)
			}
			if p, err := s.Verify(got, h, src, noon); err != nil || p.Sequence != c.sequence || p.KeyID != 9 {
				t.Errorf("%s extended %v: %+v, %v", v.algorithm, c.extended, p, err)
			}
		}
	}
}
