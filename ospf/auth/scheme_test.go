package auth

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// day is an instant: midnight of the n-th of a month; 0 is no bound.
func day(n int) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Date(2027, 1, n, 0, 0, 0, 0, time.UTC)
}

// days is a key with both lifetimes from and until these days.
func days(id uint8, from, until int) Key {
	l := Lifetime{day(from), day(until)}
	return Key{ID: id, Algorithm: HMACSHA256, Secret: NewSecret(fmt.Sprint("secret ", id)), Send: l, Accept: l}
}

// RFC 2328 D.3, D.4.3 and D.5.3 (1): which key is sent, and which are accepted.
func TestKeys2328_D(t *testing.T) {
	for _, c := range []struct {
		name    string
		keys    []Key
		at      int
		send    uint8
		stale   bool
		accepts string
	}{
		{"the only one", []Key{days(1, 0, 0)}, 5, 1, false, "1"},
		{"most recent start", []Key{days(1, 0, 0), days(2, 3, 0), days(3, 2, 0)}, 5, 2, false, "1 2 3"},
		{"not yet", []Key{days(1, 0, 0), days(2, 6, 0)}, 5, 1, false, "1"},
		{"start is part", []Key{days(1, 0, 0), days(2, 5, 0)}, 5, 2, false, "1 2"},
		{"until is not", []Key{days(1, 0, 0), days(2, 3, 5)}, 5, 1, false, "1"},
		{"of equals the last in the list", []Key{days(7, 0, 0), days(3, 0, 0)}, 5, 3, false, "7 3"},
		{"all over: the last goes on", []Key{days(1, 0, 3), days(2, 1, 4), days(3, 1, 2)}, 5, 2, true, "2"},
		{"none has begun: the first", []Key{days(1, 8, 0), days(2, 7, 0), days(3, 9, 10)}, 5, 2, true, "2"},
		{"gap: what was there before", []Key{days(1, 7, 9), days(2, 1, 3)}, 5, 2, true, "2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Scheme{Keys: c.keys}
			k, stale := s.SendKey(day(c.at))
			if k.ID != c.send || stale != c.stale {
				t.Errorf("sends key %d, stale %v; want %d, %v", k.ID, stale, c.send, c.stale)
			}
			var accepted []string
			for n, k := range c.keys {
				if s.accepts(n, day(c.at)) {
					accepted = append(accepted, fmt.Sprint(k.ID))
				}
			}
			if got := strings.Join(accepted, " "); got != c.accepts {
				t.Errorf("accepts %s, want %s", got, c.accepts)
			}
		})
	}
}

func TestSecretDoesNotPrint(t *testing.T) {
	k := days(1, 0, 0)
	k.Secret = NewSecret("hunter2")
	s := Scheme{Chain: "c", Keys: []Key{k}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(format, s) + fmt.Sprintf(format, k.Secret); strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}
