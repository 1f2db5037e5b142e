package daemon

import (
	"context"
	"fmt"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/ospf"
)

// Reload implements api.Backend.
func (d *daemon) Reload(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case d.reloads <- answer:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		if err != nil {
			err = fmt.Errorf("%w: the running configuration stays: %w", api.ErrRefused, err)
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Drain implements api.Backend.
func (d *daemon) Drain(_ context.Context, on bool) error {
	command, text := ospf.Undrain, "undrained: transit traffic may come again"
	if on {
		command, text = ospf.Drain, "drained: transit traffic is sent to other routers"
	}
	d.speaker.Post(command)
	d.bgp.inbox.put(leaving{on})
	d.log.Info(text)
	return nil
}
