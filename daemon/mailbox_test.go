package daemon

import (
	"context"
	"fmt"
	"testing"

	"github.com/ecmpd/ecmpd/firewall"
	"github.com/ecmpd/ecmpd/link"
)

// A loop that is held up finds the newest picture of each kind, in the place
// of the first, and every other message.
func TestMailbox(t *testing.T) {
	m := newMailbox[any]()
	snapshot := func(name string) any { return linkSnapshot{link.Snapshot{Links: []link.Link{{Name: name}}}} }
	for range 1000 {
		m.put(snapshot("old"))
		m.put(wantedRules{})
		m.put(foreignRules{firewall.Event{Own: true}})
	}
	m.put(foreignRules{firewall.Event{Other: true}})
	m.put(sweep{})
	m.put(snapshot("new"))
	m.put(wantedRules{forwardAccept: true})
	var kinds string
	items := m.take(t.Context())
	for _, i := range items {
		kinds += fmt.Sprintf("%T ", i)
	}
	if want := "daemon.linkSnapshot daemon.wantedRules daemon.foreignRules daemon.foreignRules daemon.sweep "; kinds != want {
		t.Fatalf("taken: %s", kinds)
	}
	if items[0].(linkSnapshot).links.Links[0].Name != "new" || !items[1].(wantedRules).forwardAccept {
		t.Errorf("an old picture: %v", items)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if got := m.take(done); got != nil {
		t.Errorf("taken after the end: %v", got)
	}
}
