// Package firewalld keeps a policy of firewalld that lets pass what comes in and leaves through
// zones that the operator names, tracked or not. firewalld has no rule for untracked packets
// alone, its direct rules stand in a table of their own, where an accept decides nothing,
// and its tables may be closed to everybody else: a policy is what is left, and it
// outlives reloads and restarts of firewalld by itself.
//
// It speaks through firewall-cmd, which is there wherever firewalld is and of the same version.
package firewalld

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// policy is the name of ours, and description the mark by which it is known.
	policy      = "ecmpd"
	description = "ecmpd: untracked transit"

	commandTimeout = 10 * time.Second

	invalidPolicy = 140 // firewall-cmd(1): there is no policy of the name
)

// Client keeps the policy. It is for one goroutine.
type Client struct {
	command string
	vain    bool // a reload has not brought what is saved into force
}

// New returns a client that speaks through a command, firewall-cmd but in tests.
func New(command string) *Client { return &Client{command: command} }

// Keep sees to it that the policy is in firewalld's configuration and in force, and tells
// whether something was to be done. A policy that is not in force yet takes a reload of
// firewalld, which ends what was set without --permanent. Zones are one at least.
func (c *Client) Keep(ctx context.Context, zones []string) (changed bool, err error) {
	zones = slices.Sorted(slices.Values(zones))
	saved, err := c.own(ctx)
	if err != nil {
		return false, err
	}
	if !accepts(saved, zones) {
		if err := c.save(ctx, saved != "", zones); err != nil {
			return false, err
		}
		c.vain, changed = false, true
	}
	running, err := c.info(ctx)
	if err == nil && !accepts(running, zones) && !c.vain {
		if _, err = c.run(ctx, "--reload"); err == nil {
			changed = true
			running, err = c.info(ctx)
		}
	}
	if err != nil {
		return changed, err
	}
	if c.vain = !accepts(running, zones); c.vain {
		err = errNotInForce
	}
	return changed, err
}

var errNotInForce = errors.New("firewalld has the policy " + policy + " and does not apply it, also after a reload: firewall-cmd --info-policy " + policy + " shows what runs")

// Remove takes the policy out of firewalld's configuration and out of force, without a reload
// where firewalld can. That it is not there, or somebody else's, is no error.
func (c *Client) Remove(ctx context.Context) error {
	mark, err := c.mark(ctx)
	if err != nil || mark != description {
		return err
	}
	running, err := c.info(ctx)
	if err != nil {
		return err
	}
	if _, err := c.run(ctx, "--permanent", "--delete-policy="+policy); err != nil {
		return err
	}
	// A policy cannot be removed at runtime; without zones to come from it meets no packet.
	zones := field(running, "ingress-zones")
	if len(zones) == 0 {
		return nil
	}
	args := []string{"--policy=" + policy}
	for _, z := range zones {
		args = append(args, "--remove-ingress-zone="+z)
	}
	if _, err := c.run(ctx, args...); err == nil {
		return nil
	}
	// firewalld 1.3.3 fails where a zone has no interface.
	_, err = c.run(ctx, "--reload")
	return err
}

var errForeign = errors.New("firewalld has a policy " + policy + " that ecmpd did not make: give it another name")

// own is what firewall-cmd tells of our policy in the configuration, empty where there is none.
func (c *Client) own(ctx context.Context) (string, error) {
	saved, err := c.info(ctx, "--permanent")
	if saved == "" || err != nil {
		return "", err
	}
	mark, err := c.mark(ctx)
	if err == nil && mark != description {
		err = errForeign
	}
	return saved, err
}

// mark is the description of the policy in the configuration.
func (c *Client) mark(ctx context.Context) (string, error) {
	text, err := c.run(ctx, "--permanent", "--policy="+policy, "--get-description")
	return strings.TrimSpace(text), ifThere(err)
}

// info is what firewall-cmd tells of the policy that runs, or of the saved one.
func (c *Client) info(ctx context.Context, args ...string) (string, error) {
	text, err := c.run(ctx, append(args, "--info-policy="+policy)...)
	return text, ifThere(err)
}

// ifThere takes that there is no such policy for no error.
func ifThere(err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == invalidPolicy {
		return nil
	}
	return err
}

// save writes the policy as a whole, so that there is never half of one.
func (c *Client) save(ctx context.Context, replace bool, zones []string) error {
	type zone struct {
		Name string `xml:"name,attr"`
	}
	p := struct {
		XMLName     xml.Name `xml:"policy"`
		Target      string   `xml:"target,attr"`
		Description string   `xml:"description"`
		Ingress     []zone   `xml:"ingress-zone"`
		Egress      []zone   `xml:"egress-zone"`
	}{Target: "ACCEPT", Description: description}
	for _, z := range zones {
		p.Ingress, p.Egress = append(p.Ingress, zone{z}), append(p.Egress, zone{z})
	}
	text, err := xml.Marshal(p)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ecmpd-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, policy+".xml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	if replace {
		if _, err := c.run(ctx, "--permanent", "--delete-policy="+policy); err != nil {
			return err
		}
	}
	_, err = c.run(ctx, "--permanent", "--new-policy-from-file="+file, "--name="+policy)
	return err
}

// accepts reports that a policy accepts between zones, which are sorted.
func accepts(info string, zones []string) bool {
	return slices.Equal(field(info, "target"), []string{"ACCEPT"}) &&
		slices.Equal(slices.Sorted(slices.Values(field(info, "ingress-zones"))), zones) &&
		slices.Equal(slices.Sorted(slices.Values(field(info, "egress-zones"))), zones)
}

// field returns the words behind a key of --info-policy.
func field(info, key string) []string {
	for line := range strings.Lines(info) {
		if k, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && k == key {
			return strings.Fields(value)
		}
	}
	return nil
}

func (c *Client) run(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.command, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.WaitDelay = time.Second
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		said := strings.TrimSpace(complaint.String() + string(out))
		return "", fmt.Errorf("%s %s: %w: %s", c.command, strings.Join(args, " "), err, said)
	}
	return string(out), nil
}
