package arrows

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pkg is what `go list` says of one package.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string // of GoFiles, without tests
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports", module+"/...")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 2 {
		t.Fatalf("go list names %d packages", len(all))
	}
	return all
}

func TestArrows(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module+"/")
		from, ok := find(path)
		if !ok {
			t.Errorf("%s is not in the table: say what it may import", path)
			continue
		}
		for _, imported := range p.Imports {
			if reason := objection(from, imported); reason != "" {
				t.Errorf("%s imports %s: %s", path, imported, reason)
			}
		}
	}
}

func TestPurePackages(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module+"/")
		if r, ok := find(path); !ok || !r.pure {
			continue
		}
		for _, name := range p.GoFiles {
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Error(err)
				continue
			}
			for _, sin := range impurities(fset, file) {
				t.Errorf("%s/%s", path, sin)
			}
		}
	}
}

// find returns the row for a package of this module.
func find(path string) (room, bool) {
	for _, r := range table {
		below, tree := strings.CutSuffix(r.path, "/...")
		if path == below || tree && strings.HasPrefix(path, below+"/") {
			return r, true
		}
	}
	return room{}, false
}

// objection says what speaks against an import; nothing when it is allowed.
func objection(from room, imported string) string {
	if path, ok := strings.CutPrefix(imported, module+"/"); ok {
		return objectionToOwn(from, path)
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return objectionToStandard(from, imported)
	}
	for _, allowed := range from.others {
		if imported == allowed || strings.HasPrefix(imported, allowed+"/") {
			return ""
		}
	}
	return "this module of others is not for this package"
}

func objectionToOwn(from room, path string) string {
	to, ok := find(path)
	switch {
	case !ok:
		return "it is not in the table"
	case to.tests && !from.tests:
		return "it is for tests only"
	case slices.Contains(from.own, path):
		return ""
	case slices.Contains(from.own, "*") && !strings.HasPrefix(path, "cmd/"):
		return ""
	case from.tests && from.path == to.path: // one tree of test packages
		return ""
	}
	return "this arrow is not in the table; a caller further downstream translates between the two"
}

func objectionToStandard(from room, imported string) string {
	if imported == "testing" && !from.tests {
		return "it is for tests only"
	}
	if !from.pure || imported == "net/netip" {
		return ""
	}
	for _, b := range impure {
		if imported == b.name || strings.HasPrefix(imported, b.name+"/") {
			return b.reason
		}
	}
	return ""
}

// impurities lists what makes a file of a pure package depend on more than its inputs.
func impurities(fset *token.FileSet, file *ast.File) []string {
	var sins []string
	sin := func(at token.Pos, what, reason string) {
		p := fset.Position(at)
		sins = append(sins, filepath.Base(p.Filename)+":"+strconv.Itoa(p.Line)+": "+what+": "+reason)
	}
	timeName := ""
	for _, spec := range file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		switch {
		case path == "time" && spec.Name != nil:
			timeName = spec.Name.Name
		case path == "time":
			timeName = "time"
		case path == "sync" || strings.HasPrefix(path, "sync/"):
			sin(spec.Pos(), "import of "+path, "there is one caller; a lock means that somebody shares state")
		}
	}
	if timeName == "." {
		sin(file.Pos(), "dot import of time", "it hides reads of the clock")
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			sin(n.Pos(), "go statement", "the order of what happens would depend on the scheduler")
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if !ok || timeName == "" || x.Name != timeName {
				break
			}
			for _, b := range clock {
				if n.Sel.Name == b.name {
					sin(n.Pos(), "time."+b.name, b.reason)
				}
			}
		}
		return true
	})
	return sins
}

// The guard itself: what it must let through and what it must stop.
func TestObjections(t *testing.T) {
	for _, row := range []struct {
		from, to string
		want     string // part of the objection; empty: none
	}{
		{"ospf", module + "/nexthop", ""},
		{"ospf", module + "/ospf/packet", ""},
		{"ospf", "time", ""},
		{"ospf", "net/netip", ""},
		{"ospf", "net", "net/netip"},
		{"ospf", "net/http", "net/netip"},
		{"ospf", "sync/atomic", "lock"},
		{"ospf", "os/exec", "files"},
		{"ospf", module + "/rib", "not in the table"},
		{"ospf/packet", module + "/ospf", "not in the table"},
		{"ospf", module + "/ospf/sim", "tests only"},
		{"daemon", module + "/ospf/sim", "tests only"},
		{"daemon", module + "/fib", ""},
		{"daemon", module + "/cmd/ecmpd", "not in the table"},
		{"daemon", module + "/new", "not in the table"},
		{"rib", "github.com/vishvananda/netlink", "not for this package"},
		{"fib", "github.com/vishvananda/netlink/nl", ""},
		{"fib", "github.com/vishvananda/netlinkx", "not for this package"},
		{"fib", "testing", "tests only"},
		{"fib", "os", ""},
		{"integration/bench", module + "/integration/runner", ""},
		{"integration/bench", module + "/lab", ""},
	} {
		from, ok := find(row.from)
		if !ok {
			t.Fatalf("%s is not in the table", row.from)
		}
		got := objection(from, row.to)
		if (got == "") != (row.want == "") || !strings.Contains(got, row.want) {
			t.Errorf("%s imports %s: objection %q, want %q", row.from, row.to, got, row.want)
		}
	}
}

func TestImpurities(t *testing.T) {
	for source, want := range map[string]string{
		`import "time"; var d = 3 * time.Second; func f(now time.Time) time.Time { return now.Add(d) }`: "",
		`import "time"; func f() { _ = time.Now() }`:                                                    "time.Now",
		`import "time"; var f = time.Now`:                                                               "time.Now",
		`import c "time"; func f() { <-c.After(1) }`:                                                    "time.After",
		`import . "time"; func f() { _ = Now() }`:                                                       "dot import",
		`import "sync"; var m sync.Mutex`:                                                               "import of sync",
		`func f() { go f() }`:                                                                           "go statement",
		`type time struct{ Now int }; func f(t time) int { return t.Now }`:                              "",
	} {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "x.go", "package x; "+source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(impurities(fset, file), "\n")
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s\ngot %q, want %q", source, got, want)
		}
	}
}
