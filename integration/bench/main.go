// Command bench measures ecmpd, FRR and BIRD in the same seats, one after the
// other in one run, and prints the figures side by side:
//
//	make bench                          all cases
//	make bench CASES=stub,externals     some of them
//
// Everything is seen from outside: the kernel's notifications in the namespace of the
// router under test, probes, proc(5). What the other end of the wire says comes from
// lab/injector. docs/performance.md explains the method and the figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/lab"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	ctx    context.Context
	binary string // ecmpd
	report report
	only   []string // makes
	endure time.Duration
	name   string // of the case that runs
	maker  string // that is measured
}

func run() error {
	cases := flag.String("cases", "", "comma-separated `names`, all but the slow ones when empty; \"list\" lists them")
	only := flag.String("makes", strings.Join(makes, ","), "comma-separated `makes`")
	binary := flag.String("ecmpd", "bin/ecmpd", "the `program` under test")
	version := flag.String("version", "", "of ecmpd, for the report")
	docs := flag.String("docs", "", "`directory` for performance.json and performance.svg, none when empty")
	endure := flag.Duration("soak", 10*time.Minute, "how long the case soak lasts")
	flag.Parse()
	if *cases == "list" {
		for _, c := range allCases {
			fmt.Printf("%-14s %s\n", c.name, c.about)
		}
		return nil
	}
	chosen, err := choose(*cases)
	if err != nil {
		return err
	}
	if _, err := lab.SweepStale(tag); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	program, err := filepath.Abs(*binary) // it is started in other directories
	if err != nil {
		return err
	}
	b := &bench{ctx: ctx, binary: program, only: strings.Split(*only, ","), endure: *endure}
	b.report = report{Date: time.Now().UTC().Format(time.DateOnly), Version: *version, Kernel: kernelRelease(), Processors: runtime.NumCPU()}
	for _, c := range chosen {
		b.measure(c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := b.report.save(*docs); err != nil { // a long run that is ended keeps what it has
			return err
		}
	}
	fmt.Printf("\n%s", &b.report)
	return nil
}

// choose finds cases by name.
func choose(names string) ([]benchCase, error) {
	var chosen []benchCase
	for _, c := range allCases {
		if names == "" && !c.slow || slices.Contains(strings.Split(names, ","), c.name) {
			chosen = append(chosen, c)
		}
	}
	for name := range strings.SplitSeq(names, ",") {
		if name != "" && !slices.ContainsFunc(allCases, func(c benchCase) bool { return c.name == name }) {
			return nil, fmt.Errorf("no case %q; -cases list lists them", name)
		}
	}
	return chosen, nil
}

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// measure runs one case with every make. What a make does not survive is a
// result like any other.
func (b *bench) measure(c benchCase) {
	for _, maker := range makes {
		if !slices.Contains(b.only, maker) || b.ctx.Err() != nil {
			continue
		}
		start := time.Now()
		b.name, b.maker = c.name, maker
		err := c.run(b)
		runtime.GC() // here, not in the next measurement
		fmt.Printf("%-14s %-6s %5.1f s", c.name, maker, time.Since(start).Seconds())
		for _, f := range b.report.Figures {
			if v := f.By[maker]; f.Case == c.name && len(v.Samples) > 0 {
				fmt.Printf("  %s: %s %s;", f.Name, v, f.Unit)
			}
		}
		if err != nil {
			fmt.Printf("  %v", err)
			b.failed(err)
		}
		fmt.Println()
	}
}

// failed notes at every figure of the case that a make has none.
func (b *bench) failed(err error) {
	why := "failed"
	switch {
	case strings.Contains(err.Error(), "signal: "):
		_, after, _ := strings.Cut(err.Error(), "signal: ")
		why = "crash (" + strings.SplitN(after, "\n", 2)[0] + ")"
	case errors.Is(err, errSlow):
		why = "never"
	case errors.Is(err, errMissing):
		why = "not built"
	}
	for _, f := range b.report.Figures {
		if v := f.By[b.maker]; f.Case == b.name && len(v.Samples) == 0 {
			v.Failed = why
			f.By[b.maker] = v
		}
	}
}

// figure is a figure of the case that runs. A case names all its figures first,
// so that a make that fails has a line at each.
func (b *bench) figure(name, unit string, must ...float64) func(sample float64) {
	f := b.report.figure(b.name, name, unit, must...)
	maker := b.maker
	return func(sample float64) { f.add(maker, sample) }
}
