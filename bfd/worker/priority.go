package worker

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// priority is that of the process among real-time threads, 1..99: below the kernel's own.
const priority = 10

// raisePriority gives every thread of the process real-time priority, or at least the
// best of the others; threads that are started later inherit it. All of
// them, because the loop may have to wait for a lock of the Go runtime that another
// one holds.
func raisePriority() error {
	fifo := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: priority}
	err := eachThread(&fifo)
	if err == nil {
		return nil
	}
	nice := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Nice: -20}
	if eachThread(&nice) == nil {
		return fmt.Errorf("BFD has no real-time priority (%w) and uses nice -20: load on this machine can take sessions below 100 ms down", err)
	}
	return fmt.Errorf("BFD has no priority over other programs (%w): load on this machine can take sessions down (it needs CAP_SYS_NICE)", err)
}

func eachThread(attr *unix.SchedAttr) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetAttr(id, attr, 0); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}
