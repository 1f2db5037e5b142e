package lab

import (
	"context"
	"fmt"
	"time"
)

// Wait polls a condition until it holds or ctx ends, quickly at first and then
// every 100 ms. The condition also describes what it saw; the last description
// is in the error.
func Wait(ctx context.Context, what string, condition func() (ok bool, state string)) error {
	start := time.Now()
	pause := 5 * time.Millisecond
	for {
		ok, state := condition()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not after %s, last seen: %s: %w",
				what, time.Since(start).Round(time.Millisecond), state, ctx.Err())
		case <-time.After(pause):
			pause = min(2*pause, 100*time.Millisecond)
		}
	}
}

// Pause lets time pass in the lab, for a measurement that needs it.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
