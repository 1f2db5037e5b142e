package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

// pollInterval is how often `wait` asks; short, as scripts measure with it.
const pollInterval = 20 * time.Millisecond

func newWait() *cobra.Command {
	var socket string
	var timeout time.Duration
	var conditions []condition
	cmd := &cobra.Command{
		Use:   "wait CONDITION...",
		Short: "Wait until all conditions hold at the same time",
		Long: `Wait until all conditions hold at the same time.

  neighbor=full:N    N neighbours are Full
  route=PREFIX:N     the best route to PREFIX has N next hops in the kernel
  transit=sync       the kernel holds the wanted transit sets

N is exact; "N+" is N or more. A daemon that is not there yet is waited for.
When the time is over, what is missing is said with exit code 5, or 3 when
there is still no daemon.`,
		Example: "  ecmpd wait neighbor=full:2 route=10.10.4.0/24:2 --timeout 30s",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("a condition is missing: " + conditionForms)
			}
			if timeout < 0 {
				return fmt.Errorf("--timeout %v is negative", timeout)
			}
			for _, text := range args {
				c, err := parseCondition(text)
				if err != nil {
					return err
				}
				conditions = append(conditions, c)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return wait(cmd.Context(), api.NewClient(socket), conditions, timeout)
		},
	}
	socketFlag(cmd.Flags(), &socket)
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "how long to wait; 0s asks once")
	return cmd
}

// wait asks until nothing is missing or the time is over; it asks at least once.
func wait(ctx context.Context, c *api.Client, conditions []condition, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := ask(ctx, c, conditions, max(time.Until(deadline), time.Second))
		if err == nil {
			return nil
		}
		// Whatever it is: a daemon that starts or stops may answer better next time.
		if !time.Now().Before(deadline) {
			return fmt.Errorf("after %v: %w", timeout, err)
		}
		select {
		case <-ctx.Done():
			return errors.New("interrupted; " + err.Error())
		case <-tick.C:
		}
	}
}

// ask checks whether all conditions hold, in at most limit. They are asked for one
// after the other: only a second round tells that the first ones still held when
// the last one did.
func ask(ctx context.Context, c *api.Client, conditions []condition, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := askEach(ctx, c, conditions)
	if err == nil && len(conditions) > 1 {
		err = askEach(ctx, c, conditions)
	}
	return err
}

func askEach(ctx context.Context, c *api.Client, conditions []condition) error {
	var missing []string
	for _, cond := range conditions {
		text, err := cond.unmet(ctx, c)
		if err != nil {
			return err
		}
		if text != "" {
			missing = append(missing, cond.text+": "+text)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: %s", errUnmet, strings.Join(missing, "\n  "))
	}
	return nil
}
