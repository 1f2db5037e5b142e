package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
)

// LSAQuery chooses LSAs; what is empty chooses all.
type LSAQuery struct {
	Type              string // as in [LSA]
	LinkStateID       netip.Addr
	AdvertisingRouter netip.Addr
}

// LSATypes are the values of [LSAQuery.Type].
var LSATypes = [...]string{
	"router", "network", "summary", "asbr-summary", "as-external", "nssa", "opaque-link", "opaque-area", "opaque-as",
}

// Values is the query of [PathLSAs].
func (q LSAQuery) Values() url.Values {
	v := url.Values{}
	if q.Type != "" {
		v.Set("type", q.Type)
	}
	for key, a := range map[string]netip.Addr{"linkStateId": q.LinkStateID, "advertisingRouter": q.AdvertisingRouter} {
		if a.IsValid() {
			v.Set(key, a.String())
		}
	}
	return v
}

func lsaDetails(r *http.Request, b Backend) ([]LSADetail, error) {
	v := r.URL.Query()
	q := LSAQuery{Type: v.Get("type")}
	if q.Type != "" && !slices.Contains(LSATypes[:], q.Type) {
		return nil, fmt.Errorf("%w: type=%s: it is one of %q", errQuery, q.Type, LSATypes)
	}
	for key, a := range map[string]*netip.Addr{"linkStateId": &q.LinkStateID, "advertisingRouter": &q.AdvertisingRouter} {
		if !v.Has(key) {
			continue
		}
		var err error
		if *a, err = netip.ParseAddr(v.Get(key)); err != nil {
			return nil, fmt.Errorf("%w: %s=%s: %w", errQuery, key, v.Get(key), err)
		}
	}
	list, err := b.LSAs(r.Context(), q)
	if err == nil && len(list) == 0 && len(v) > 0 {
		err = fmt.Errorf("an LSA with %s: %w", v.Encode(), ErrNotFound)
	}
	return list, err
}
