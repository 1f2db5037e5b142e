package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ecmpd/ecmpd/api"
)

// condition is one thing that `wait` waits for. It asks the daemon and returns
// what is missing, or nothing.
type condition struct {
	text  string // as it was given
	unmet func(ctx context.Context, c *api.Client) (string, error)
}

const conditionForms = "neighbor=full:N, route=PREFIX:N or transit=sync; N+ means N or more"

// parseCondition reads one of the forms above.
func parseCondition(text string) (condition, error) {
	kind, rest, _ := strings.Cut(text, "=")
	var err error
	c := condition{text: text}
	switch kind {
	case "neighbor":
		c.unmet, err = parseNeighbor(rest)
	case "route":
		c.unmet, err = parseRoute(rest)
	case "transit":
		c.unmet = unmetTransit
		if rest != "sync" {
			err = fmt.Errorf("unknown state %q", rest)
		}
	default:
		err = fmt.Errorf("unknown kind %q", kind)
	}
	if err != nil {
		return condition{}, fmt.Errorf("condition %q: %w; it is %s", text, err, conditionForms)
	}
	return c, nil
}

// amount is how many of something there must be.
type amount struct {
	n      int
	orMore bool
}

func parseAmount(s string) (amount, error) {
	digits, orMore := strings.CutSuffix(s, "+")
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil {
		return amount{}, fmt.Errorf("%q is not a number", s)
	}
	return amount{int(n), orMore}, nil
}

func (a amount) met(n int) bool { return n == a.n || a.orMore && n > a.n }

func (a amount) String() string {
	if a.orMore {
		return strconv.Itoa(a.n) + " or more"
	}
	return strconv.Itoa(a.n)
}

func parseNeighbor(s string) (func(context.Context, *api.Client) (string, error), error) {
	state, number, _ := strings.Cut(s, ":")
	if state != "full" {
		return nil, fmt.Errorf("unknown state %q", state)
	}
	want, err := parseAmount(number)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, c *api.Client) (string, error) {
		var body api.Neighbors
		if err := c.Get(ctx, api.PathNeighbors, &body); err != nil {
			return "", err
		}
		others := slices.DeleteFunc(body.Neighbors, func(n api.Neighbor) bool { return n.State == "Full" })
		full := len(body.Neighbors) - len(others)
		if want.met(full) {
			return "", nil
		}
		return fmt.Sprintf("%d neighbours are Full, not %s%s", full, want, namesOf(others)), nil
	}, nil
}

// maxNamed is how many neighbours a message names.
const maxNamed = 4

// namesOf says where neighbours are instead of in Full, and why.
func namesOf(others []api.Neighbor) string {
	var text string
	for _, n := range others[:min(len(others), maxNamed)] {
		text += fmt.Sprintf("; %s on %s is %s", n.RouterID, n.Interface, n.State)
		if n.Why != "" {
			text += " (" + n.Why + ")"
		}
	}
	if more := len(others) - maxNamed; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

func parseRoute(s string) (func(context.Context, *api.Client) (string, error), error) {
	where, number, _ := strings.Cut(s, ":")
	prefix, err := netip.ParsePrefix(where)
	if err != nil {
		return nil, fmt.Errorf("%q is not a prefix", where)
	}
	want, err := parseAmount(number)
	if err != nil {
		return nil, err
	}
	path := api.PathRoutes + "?" + url.Values{"prefix": {prefix.Masked().String()}}.Encode()
	return func(ctx context.Context, c *api.Client) (string, error) {
		var body api.Routes
		if err := c.Get(ctx, path, &body); err != nil && !errors.Is(err, api.ErrNotFound) {
			return "", err
		}
		state, installed := "there is no route", 0
		for _, r := range body.Routes {
			if !r.Selected {
				continue
			}
			installed = installedHops(r)
			state = fmt.Sprintf("next hops of the route in the kernel: %d", installed)
			if r.Reason != "" {
				state += " (" + r.Reason + ")"
			}
		}
		if want.met(installed) {
			return "", nil
		}
		return fmt.Sprintf("%s, not %s", state, want), nil
	}, nil
}

// installedHops counts the next hops of r that the kernel uses.
func installedHops(r api.Route) int {
	n := 0
	for _, h := range r.NextHops {
		if h.Installed {
			n++
		}
	}
	return n
}

func unmetTransit(ctx context.Context, c *api.Client) (string, error) {
	var body api.TransitBody
	if err := c.Get(ctx, api.PathTransit, &body); err != nil {
		return "", err
	}
	if !body.Transit.InSync {
		return "the kernel does not hold the wanted sets yet", nil
	}
	return "", nil
}
