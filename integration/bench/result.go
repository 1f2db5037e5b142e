package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// figure is one thing that is measured of every make; less is better.
type figure struct {
	Case string           `json:"case"`
	Name string           `json:"name"`
	Unit string           `json:"unit"`
	Must *float64         `json:"must,omitempty"` // what ecmpd has to reach
	By   map[string]value `json:"by"`             // by make
}

// value is what was measured of one make.
type value struct {
	Samples []float64 `json:"samples,omitempty"`
	Median  float64   `json:"median"`
	// Failed says why there is no figure: a crash, or the time was over.
	Failed string `json:"failed,omitempty"`
}

// report is everything of one run, and what docs/performance.json holds.
type report struct {
	Date       string    `json:"date"`
	Version    string    `json:"version"`
	Kernel     string    `json:"kernel"`
	Processors int       `json:"processors"`
	Figures    []*figure `json:"figures"`
}

// figure finds or makes the figure of a name; must is what ecmpd has to reach,
// if anything.
func (r *report) figure(c, name, unit string, must ...float64) *figure {
	for _, f := range r.Figures {
		if f.Case == c && f.Name == name {
			return f
		}
	}
	f := &figure{Case: c, Name: name, Unit: unit, By: map[string]value{}}
	if len(must) > 0 {
		f.Must = &must[0]
	}
	r.Figures = append(r.Figures, f)
	return f
}

// add takes one more sample of a make.
func (f *figure) add(maker string, sample float64) {
	v := f.By[maker]
	v.Samples = append(v.Samples, sample)
	sorted := slices.Sorted(slices.Values(v.Samples))
	v.Median = (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
	f.By[maker] = v
}

// String is the median, and the range when there are several samples.
func (v value) String() string {
	switch {
	case len(v.Samples) == 0 && v.Failed != "":
		return v.Failed
	case len(v.Samples) == 0:
		return "-"
	case len(v.Samples) == 1:
		return number(v.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", number(v.Median), number(slices.Min(v.Samples)), number(slices.Max(v.Samples)))
}

func number(n float64) string {
	switch {
	case n >= 100:
		return fmt.Sprintf("%.0f", n)
	case n >= 10:
		return fmt.Sprintf("%.1f", n)
	}
	return fmt.Sprintf("%.2f", n)
}

// String is the table: each make's figure, how often it is ecmpd's, and
// whether ecmpd is where it must be.
func (r *report) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FIGURE\tUNIT\tECMPD\tFRR\tBIRD\tFRR/ECMPD\tBIRD/ECMPD\tMUST\t")
	for _, f := range r.Figures {
		fmt.Fprintf(w, "%s\t%s", f.Name, f.Unit)
		for _, m := range makes {
			fmt.Fprintf(w, "\t%s", f.By[m])
		}
		own := f.By["ecmpd"]
		for _, m := range makes[1:] {
			fmt.Fprintf(w, "\t%s", ratio(f.By[m], own))
		}
		fmt.Fprintf(w, "\t%s\n", f.verdict())
	}
	w.Flush()
	return b.String()
}

func ratio(other, own value) string {
	if len(other.Samples) == 0 || len(own.Samples) == 0 || own.Median <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", other.Median/own.Median)
}

func (f *figure) verdict() string {
	if f.Must == nil {
		return ""
	}
	own, must := f.By["ecmpd"], *f.Must
	switch {
	case len(own.Samples) == 0:
		return "≤ " + number(must)
	case own.Median <= must:
		return "≤ " + number(must) + " ok"
	case must == 0:
		return "≤ 0 MISSED"
	}
	return fmt.Sprintf("≤ %s MISSED by %.1f", number(must), own.Median/must)
}

// merge takes the figures of an earlier report that this run did not measure,
// so that a run of a few cases or makes does not lose the others.
func (r *report) merge(file string) error {
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var old report
	if err := json.Unmarshal(text, &old); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	measured := map[string]bool{}
	for _, f := range r.Figures {
		measured[f.Case] = true
	}
	var kept []*figure
	before := map[string]*figure{}
	for _, f := range old.Figures {
		before[f.Name] = f
		if !measured[f.Case] {
			kept = append(kept, f)
		}
	}
	for _, f := range r.Figures { // copies: the run's own report stays what it is
		g := *f
		g.By = maps.Clone(f.By)
		if f := before[g.Name]; f != nil && f.Case == g.Case {
			for maker, v := range f.By {
				if _, ok := g.By[maker]; !ok {
					g.By[maker] = v
				}
			}
		}
		kept = append(kept, &g)
	}
	r.Figures = kept
	order := caseOrder()
	slices.SortStableFunc(r.Figures, func(a, b *figure) int { return order[a.Case] - order[b.Case] })
	return nil
}

// save writes performance.json and performance.svg into a directory, if one is
// named.
func (r *report) save(dir string) error {
	if dir == "" {
		return nil
	}
	all := *r
	if err := all.merge(filepath.Join(dir, "performance.json")); err != nil {
		return err
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "performance.json"), append(text, '\n'), 0o644),
		os.WriteFile(filepath.Join(dir, "performance.svg"), chart(&all), 0o644))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
