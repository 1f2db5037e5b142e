package clab_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/integration/clab"
	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
)

func TestSmoke(t *testing.T) {
	for _, name := range []string{"mixed", "hubs-frr-branches-ecmpd", "hubs-bird-branches-ecmpd", "hubs-ecmpd-branches-frr", "hubs-ecmpd-branches-bird"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
			defer cancel()
			f, err := clab.Load("../labs/twohubs-" + name + ".clab.yml")
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			l, err := clab.Build(ctx, f, clab.Options{Tag: "ec-smoke", Images: clab.Images("/tmp/ecmpd-lab")})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			lan1, lan2 := netip.MustParsePrefix("10.10.1.0/24"), netip.MustParsePrefix("10.10.2.0/24")
			for name, routes := range map[string]map[netip.Prefix]int{
				"hub-a": {lan1: 1, lan2: 1}, "hub-b": {lan1: 1, lan2: 1}, "branch-1": {lan2: 2}, "branch-2": {lan1: 2},
			} {
				if err := peer.Wait(ctx, l.Routers[name], 2, routes); err != nil {
					t.Fatal(err)
				}
			}
			t.Log("converged", time.Since(start))
			err = lab.Wait(ctx, "equal", func() (bool, string) {
				a, err := l.Routers["hub-a"].Database(ctx)
				if err != nil {
					return false, err.Error()
				}
				for _, r := range l.Routers {
					b, err := r.Database(ctx)
					if err != nil || !slices.Equal(a, b) {
						return false, "differ"
					}
				}
				return len(a) > 0, ""
			})
			if err != nil {
				t.Error(err)
			}
			at := netip.MustParseAddrPort("10.10.2.10:7")
			echo, err := l.Node("host-2").Echo(at)
			if err != nil {
				t.Fatal(err)
			}
			defer echo.Close()
			load := lab.Load{From: l.Node("host-1"), To: at, Count: 400, FirstPort: 20000, Payload: 20_000, Timeout: 3 * time.Second}
			result, err := load.Run(ctx)
			t.Log(result.Failed(), result.FirstError(), err)
		})
	}
}
