package speaker

import (
	"fmt"
	"testing"

	"github.com/ecmpd/ecmpd/ospf"
)

// RFC 4222 2 (1): Hellos and acknowledgements go first, everything in its order otherwise.
func TestPrioritise4222_2_1(t *testing.T) {
	packet := func(kind, mark, auType byte, length int) ospf.Transmit {
		b := make([]byte, max(length, 44))
		b[1], b[3], b[15], b[43] = kind, byte(length), auType, mark
		return ospf.Transmit{Data: b}
	}
	const update, ack, hello = 4, 5, 1
	queue := []ospf.Transmit{
		packet(update, 1, 0, 60), packet(ack, 2, 0, 44), packet(hello, 3, 2, 48), packet(update, 4, 2, 60),
		packet(hello, 5, 0, 48), packet(hello, 6, 0, 44), packet(ack, 7, 3, 44), packet(ack, 8, 1, 44), {Data: []byte{2, 1}},
	}
	prioritise(queue)
	order := []byte{}
	for _, t := range queue[:8] {
		order = append(order, t.Data[43])
	}
	if got := fmt.Sprint(order); got != "[2 5 8 1 3 4 6 7]" {
		t.Errorf("order %s", got)
	}
}
