package script_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// dump writes a script as one line a statement, problem or foreign part.
func dump(s script.Script) string {
	var b strings.Builder
	if s.Version != "" {
		fmt.Fprintf(&b, "version %s\n", s.Version)
	}
	for _, st := range s.Statements {
		fmt.Fprintf(&b, "%s /%s %s", st.Pos, st.Menu, st.Verb)
		for _, a := range st.Args {
			switch {
			case !a.HasValue:
				fmt.Fprintf(&b, " <%s>", a.Name)
			case a.Computed:
				fmt.Fprintf(&b, " %s=(%s)", a.Name, a.Value)
			default:
				fmt.Fprintf(&b, " %s=%q", a.Name, a.Value)
			}
		}
		b.WriteByte('\n')
	}
	for _, p := range s.Problems {
		fmt.Fprintf(&b, "problem %s kind %d %q\n", p.Pos, p.Kind, p.Text)
	}
	for _, f := range s.Foreign {
		fmt.Fprintf(&b, "foreign %d-%d %q\n", f.Line, f.End, f.Text)
	}
	return b.String()
}

func TestParse(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"menu and add", "/ip address\nadd address=10.0.0.1/24 interface=ether1\n", `2:1 /ip address add address="10.0.0.1/24" interface="ether1"` + "\n"},
		{"blank behind the slash", "/ ip address add address=1.2.3.4\n", `1:1 /ip address add address="1.2.3.4"` + "\n"},
		{"slashes between", "/ip/firewall/nat/add chain=srcnat", `1:1 /ip firewall nat add chain="srcnat"` + "\n"},
		{"a path of its own enters nothing", "/ip address\n/ip route add gateway=1.1.1.1\nadd address=2.2.2.2", "2:1 /ip route add gateway=\"1.1.1.1\"\n3:1 /ip address add address=\"2.2.2.2\"\n"},
		{"at the root", "/ip route add gateway=1.1.1.1\nadd gateway=2.2.2.2", "1:1 /ip route add gateway=\"1.1.1.1\"\n2:1 /ip route add gateway=\"2.2.2.2\"\nproblem 2:1 kind 5 \"add\"\n"},
		{"menus below", "/ip firewall\nnat\nadd chain=a\n..\nmangle add chain=b\nraw", "3:1 /ip firewall nat add chain=\"a\"\n5:1 /ip firewall mangle add chain=\"b\"\n"},
		{"menu with braces", "/ip route { add gateway=1.1.1.1; add gateway=2.2.2.2 }\nadd a=1", "1:13 /ip route add gateway=\"1.1.1.1\"\n1:34 /ip route add gateway=\"2.2.2.2\"\nforeign 2-2 \"add a=1\"\n"},
		{"menus in menus", "/ip address\n/ip firewall {\nnat { add chain=a }\nmangle { add chain=b }\n}\nadd address=1.1.1.1", "3:7 /ip firewall nat add chain=\"a\"\n4:10 /ip firewall mangle add chain=\"b\"\n6:1 /ip address add address=\"1.1.1.1\"\n"},
		{"menu that is none", "/ip foo bar\n/ip route\nnonsense here\n/new menu\nadd a=1\n/x/y", "5:1 /new menu add a=\"1\"\nforeign 1-1 \"/ip foo bar\"\nforeign 3-3 \"nonsense here\"\nforeign 6-6 \"/x/y\"\n"},
		{"CRLF, BOM and head", "\uFEFF# jan/02/1970 00:00:07 by RouterOS 6.49.10\r\n# software id = X\r\n/ip route\r\nadd gateway=1.1.1.1\r\n", "version 6.49.10\n4:1 /ip route add gateway=\"1.1.1.1\"\n"},
		{"continuation", "/ip route add \\\r\n    gateway=1.1.1.1 comment=\\\r\n    \"two\\\r\n    \\_words\"", `1:1 /ip route add gateway="1.1.1.1" comment="two words"` + "\n"},
		{"escapes", `/x add a="\"q\" \\ \24v \E9\n" b=a\ b c="\$x"`, `1:1 /x add a="\"q\" \\ $v \xe9\n" b="a b" c="$x"` + "\n"},
		{"computed", `/x add a=$b c="x$y" d=[/ip route find] e=(1 + 2)`, `1:1 /x add a=($b) c=(x$y) d=([/ip route find]) e=((1 + 2))` + "\n"},
		{"semicolons and braces", "{ /ip route; add gateway=1.1.1.1; }\n/ip route print", "1:14 /ip route add gateway=\"1.1.1.1\"\n2:1 /ip route print\n"},
		{"language", ":local a 1\n:foreach i in=[/ip route find] do={\n  /ip route set $i disabled=yes\n  # don't \"\n}\n/ip route add gateway=1.1.1.1", "1:1 / :local <a> <1>\n2:1 / :foreach <i> in=([/ip route find]) do=({\n  /ip route set $i disabled=yes\n  # don't \"\n})\n6:1 /ip route add gateway=\"1.1.1.1\"\n"},
		{"language without its colon", "foreach i in=[x] do={\n/ip route add gateway=$i\n}", "1:1 / :foreach <i> in=([x]) do=({\n/ip route add gateway=$i\n})\n"},
		{"find", "/interface ethernet set [ find default-name=ether1 ] name=wan", `1:1 /interface ethernet set <[ find default-name=ether1 ]> name="wan"` + "\n"},
		{"flags and negation", "/routing table add name=a fib !comment\n/x add src=!list", "1:1 /routing table add name=\"a\" <fib> <!comment>\n2:1 /x add src=\"!list\"\n"},
		{"comment behind", "/x add a=1 # why\nadd b=2#3", "1:1 /x add a=\"1\"\n2:1 /x add b=\"2#3\"\nproblem 2:1 kind 5 \"add\"\n"},
		{"prompt", "[admin@MikroTik] /ip route> add gateway=1.1.1.1\n[admin@MikroTik] > /ip address print", "1:29 /ip route add gateway=\"1.1.1.1\"\n2:20 /ip address print\n"},
		{"prose", "First we give a code snippet\nand then explain.\n\nWhy?\n/ip route\nadd gateway=1.1.1.1\nThat's it.", "6:1 /ip route add gateway=\"1.1.1.1\"\nforeign 1-4 \"First we give a code snippet\"\nforeign 7-7 \"That's it.\"\n"},
		{"empty values", "/ip route add dst-address= gateway=, a=", `1:1 /ip route add dst-address="" gateway="," a=""` + "\n"},
		{"a value that is not in the next line", "/x\n add a=b l=\\\n  add a=c m=\\\n  !n o=", "2:2 /x add a=\"b\" l=\"\"\n3:3 /x add a=\"c\" m=\"!n\" o=\"\"\n"},
		{"a continuation too much", "/x\nadd a=b \\\nadd a=c", "2:1 /x add a=\"b\"\n3:1 /x add a=\"c\"\nproblem 3:1 kind 4 \"\"\n"},
		{"a word alone", "interface\nenable it\n/ip firewall\nnat\nadd chain=x", "5:1 /ip firewall nat add chain=\"x\"\nforeign 1-2 \"interface\"\n"},
		{"path continued", "/ip route \\\nadd gateway=1.1.1.1", `1:1 /ip route add gateway="1.1.1.1"` + "\n"},
		{"unclosed quote", "/x\nadd a=\"b c\nadd a=d\nadd a=\"e\nadd a=f", "2:1 /x add a=\"b c\\nadd a=d\\nadd a=e\"\n5:1 /x add a=\"f\"\nproblem 2:7 kind 2 \"\\\"\"\n"},
		{"quote without end", "/x\nadd a=\"b c\nadd a=d", "2:1 /x add a=\"b c\"\n3:1 /x add a=\"d\"\nproblem 2:7 kind 1 \"\\\"\"\n"},
		{"brackets without end", "/x\nadd a=[b c\nadd a=(d\n}", "2:1 /x add a=([b c)\n3:1 /x add a=((d)\nproblem 2:7 kind 1 \"[\"\nproblem 3:7 kind 1 \"(\"\nproblem 4:1 kind 3 \"}\"\n"},
		{"twice", "/x add a=1 a=2", "1:1 /x add a=\"1\" a=\"2\"\nproblem 1:12 kind 6 \"a\"\n"},
		{"backslash at the end", "/x add a=1 \\", "1:1 /x add a=\"1\"\nproblem 1:12 kind 7 \"\\\\\"\n"},
		{"columns in characters", "/x add c=\"é\" a=", "1:1 /x add c=\"é\" a=\"\"\n"},
		{"nothing", "", ""},
	} {
		if got := dump(script.Parse(row.text)); got != row.want {
			t.Errorf("%s:\n%s\nwant\n%s", row.name, got, row.want)
		}
	}
}

func TestPlaces(t *testing.T) {
	s := script.Parse("/x\n add c=\"é\" \\\n  a=b")
	a, ok := s.Statements[0].Arg("a")
	if !ok || a.Pos != (script.Pos{Line: 3, Column: 3}) || a.At != (script.Pos{Line: 3, Column: 5}) || s.Statements[0].End != 3 {
		t.Errorf("%+v, %+v", a, s.Statements[0])
	}
	if c := s.Statements[0].Args[0]; c.At != (script.Pos{Line: 2, Column: 8}) {
		t.Errorf("%+v", c)
	}
	if _, ok := s.Statements[0].Arg("absent"); ok {
		t.Error("found what is not there")
	}
}

// What nests, repeats or never ends costs time and memory in proportion to its length.
func TestLinear(t *testing.T) {
	for _, piece := range []string{
		"[", "{", "(", "\"", "/", "\\\n", "a=", "/x add a=[\n", "/x add a=\"\n", "{\n[", "add\n", "/x add a=1 a=2 ", ";", "#", "x \"\n", "\\", "é",
		"/ip route add a=\"\\\n", "[a@b] ", "/x add b=\\\nadd a=\\\n", "/x add ({[\n", ":if ", "foreach {\n", "/x add \"a\n\" ",
	} {
		took := func(n int) time.Duration {
			text := strings.Repeat(piece, n/len(piece))
			start := time.Now()
			script.Parse(text)
			return max(time.Since(start), time.Microsecond)
		}
		// Linear is 32 times and quadratic 1024; between them is room for a busy
		// machine, and for another try.
		for try := 1; ; try++ {
			short, long := took(1<<15), took(1<<20)
			if long < 256*short {
				break
			}
			if try == 5 {
				t.Errorf("%q: %s for 32 KiB, %s for 1 MiB", piece, short, long)
				break
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	files, err := os.ReadDir("../testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if data, err := os.ReadFile("../testdata/" + file.Name()); err == nil && strings.HasSuffix(file.Name(), ".rsc") {
			f.Add(string(data))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := script.Parse(text)
		inside := func(p script.Pos) {
			if p.Line < 1 || p.Line > len(s.Lines) || p.Column < 1 || p.Column > len(s.Lines[p.Line-1])+1 {
				t.Fatalf("%s is outside of the text", p)
			}
		}
		size := 0
		for _, st := range s.Statements {
			inside(st.Pos)
			for _, a := range st.Args {
				inside(a.Pos)
				if a.HasValue {
					inside(a.At)
				}
				size += len(a.Name) + len(a.Value)
			}
		}
		for _, p := range s.Problems {
			inside(p.Pos)
		}
		for _, p := range s.Foreign {
			inside(p.Pos)
		}
		if size > 2*len(text) {
			t.Fatalf("%d bytes of words in %d of text", size, len(text))
		}
	})
}
