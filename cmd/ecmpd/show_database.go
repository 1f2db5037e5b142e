package main

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/ospf/dissect"
)

func newShowDatabase(a *asking) *cobra.Command {
	var q api.LSAQuery
	var router string
	cmd := &cobra.Command{
		Use:   "database [TYPE [LINK-STATE-ID]]",
		Short: "Show the link-state database",
		Long: `Show the link-state database. The fingerprint of an area is the same on all
of its routers when their databases are.

With a TYPE, or --adv-router, the LSAs themselves are shown: ` + lsaTypes() + `.`,
		Args: func(cmd *cobra.Command, args []string) (err error) {
			q, err = lsaQuery(cmd, args, router)
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && router == "" {
				v := view[api.Database]{path: api.PathDatabase, draw: drawDatabase}
				return v.show(a, cmd, v.path)
			}
			v := view[api.LSADetails]{path: api.PathLSAs, draw: drawLSADetails}
			return v.show(a, cmd, v.path+"?"+q.Values().Encode())
		},
	}
	cmd.Flags().StringVar(&router, "adv-router", "", "only LSAs that this router advertises, with their contents")
	return cmd
}

func lsaTypes() string { return strings.Join(api.LSATypes[:], ", ") }

// lsaQuery reads the arguments; types may be abbreviated as long as they are unique,
// and "external" is as-external.
func lsaQuery(cmd *cobra.Command, args []string, router string) (q api.LSAQuery, err error) {
	if len(args) > 2 {
		return q, fmt.Errorf("%s takes a type and a link state id, not %d arguments", cmd.CommandPath(), len(args))
	}
	if len(args) > 0 {
		var like []string
		for _, t := range api.LSATypes {
			if t == args[0] {
				like = []string{t}
				break
			}
			if strings.HasPrefix(t, args[0]) || strings.HasPrefix(strings.TrimPrefix(t, "as-"), args[0]) {
				like = append(like, t)
			}
		}
		if slices.Sort(like); len(like) != 1 {
			return q, fmt.Errorf("%q is no LSA type; there are %s", args[0], lsaTypes())
		}
		q.Type = like[0]
	}
	if len(args) > 1 {
		if q.LinkStateID, err = netip.ParseAddr(args[1]); err != nil || !q.LinkStateID.Is4() {
			return q, fmt.Errorf("%q is no link state id; it looks like an IPv4 address", args[1])
		}
	}
	if router != "" {
		if q.AdvertisingRouter, err = netip.ParseAddr(router); err != nil || !q.AdvertisingRouter.Is4() {
			return q, fmt.Errorf("--adv-router %q is no router id", router)
		}
	}
	return q, nil
}

// origin is the name of the router that advertises an LSA, as far as it tells one.
func origin(s screen, lsa dissect.Fields) string {
	for _, f := range lsa {
		if id, ok := f.Value.(string); ok && f.Key == "advertisingRouter" && s.names[id] != "" {
			return ", router " + s.router(id)
		}
	}
	return ""
}

// drawLSADetails draws from the bytes what `ecmpd decode` would.
func drawLSADetails(s screen, body api.LSADetails, _ bool) {
	for i, l := range body.LSAs {
		if i > 0 {
			s.line("")
		}
		scope := "Area " + l.Area
		switch {
		case l.Area == "":
			scope = "Autonomous system"
		case l.Interface != "":
			scope = "Link " + l.Interface
		}
		raw, err := hex.DecodeString(l.Raw)
		if err != nil {
			s.line("%s", scope)
			s.line("  %s", s.bad(err.Error()))
			continue
		}
		fields, err := dissect.LSA(raw)
		s.line("%s%s", scope, origin(s, fields))
		s.line("%s", strings.TrimSuffix(fields.Text("  "), "\n"))
		if err != nil {
			s.line("  %s", s.bad(err.Error()))
		}
	}
}
