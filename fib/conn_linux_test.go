package fib

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Answers that do not fit the receive buffer are lost. The writer notices at once, says
// so of every write whose fate it does not know, and goes on.
func TestLostAnswersDoNotStall(t *testing.T) {
	h := newHub(t)
	k := h.table.kernel.(*kernel)
	if err := unix.SetsockoptInt(k.conn.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096); err != nil {
		t.Fatal(err)
	}
	ops := make([]op, batchSize)
	for i := range ops {
		ops[i] = op{kind: opDelHop, id: uint32(1000 + i)} // there is none: each is refused
	}
	start := time.Now()
	lost := 0
	for i, err := range k.apply(ops) {
		switch {
		case errors.Is(err, errLost):
			lost++
		case !isAny(err, unix.ENOENT):
			t.Fatalf("write %d: %v", i, err)
		}
	}
	if lost == 0 {
		t.Fatal("no answer was lost: the test shows nothing")
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("%d lost answers held the writer up for %v", lost, took)
	}
	h.set("10.1.0.0/16", setAB)
	h.sync()
	h.expect("10.1.0.0/16 10.0.0.2@v0 10.0.1.2@v1")
}

// Groups of very many members leave in several system calls: one would not fit
// the send buffer.
func TestLargeGroups(t *testing.T) {
	h := newHub(t)
	k := h.table.kernel.(*kernel)
	members := make([]member, 250)
	for i := range members {
		members[i] = member{id: uint32(1000 + i), weight: 1}
	}
	ops := make([]op, batchSize)
	for i := range ops {
		ops[i] = op{kind: opAddGroup, id: uint32(5000 + i), members: members}
	}
	for i, err := range k.apply(ops) {
		if isAny(err, unix.EMSGSIZE, unix.ENOBUFS) || errors.Is(err, errLost) {
			t.Fatalf("group %d: %v", i, err)
		}
	}
}
