package firewall

import "slices"

// maxSteps bounds the rules looked at for one packet in one base chain, and
// maxDepth the jumps, of which the kernel allows 16.
const (
	maxSteps = 100_000
	maxDepth = 17
)

// walker takes packets through one base chain at a time.
type walker struct {
	chains map[[3]string]*foreignChain

	base  *foreignChain
	p     *packet
	found []Place // that drop
	met   []happening
	path  []condition // of the rules that jumped here
	steps int
}

// happening is an effect that a packet met.
type happening struct {
	effects effect
	place   Place
	// What the rule, and those that jump to it, ask of a packet, and the addresses
	// that NAT puts into it.
	when      []condition
	to        [][2]uint32
	toUnknown bool
}

func newWalker(chains []foreignChain) *walker {
	w := &walker{chains: make(map[[3]string]*foreignChain, len(chains))}
	for i, c := range chains {
		w.chains[[3]string{c.family, c.table, c.name}] = &chains[i]
	}
	return w
}

// walkBase returns the places that drop the packet in a base chain. Effects
// change the packet and are kept in met.
func (w *walker) walkBase(base *foreignChain, p *packet) []Place {
	w.base, w.p, w.found, w.met, w.path, w.steps = base, p, nil, nil, nil, 0
	reach := yes
	if base.hook.onDevice() {
		reach = maybe
	}
	if left, _ := w.walk(base, reach, 0); left != no && base.drop {
		w.block(base.name, "policy", left == yes)
	}
	return w.found
}

func (w *walker) block(chain, rule string, certain bool) {
	w.found = append(w.found, w.place(chain, rule, certain))
}

func (w *walker) place(chain, rule string, certain bool) Place {
	return Place{w.base.family, w.base.table, chain, rule, certain}
}

// walk follows packets into a chain that they reach surely or maybe. left says
// whether they come out at its end (or by return), and lost whether any may
// have met their verdict inside.
func (w *walker) walk(c *foreignChain, reach answer, depth int) (left answer, lost bool) {
	if depth > maxDepth {
		w.block(c.name, "too many jumps to follow", false)
		return maybe, true
	}
	entry, returned := reach, no
	for _, r := range c.rules {
		if w.steps++; w.steps > maxSteps {
			w.block(c.name, "too many rules to follow", false)
			return maybe, true
		}
		match := w.match(r)
		if match == no {
			continue
		}
		hit, stays := min(reach, match), no
		w.affect(c, r, hit)
		if r.verdict == verdictNone {
			continue
		}
		if match == maybe {
			stays = maybe
		}
		switch r.verdict {
		case verdictAccept:
			lost = true
		case verdictDrop:
			w.block(c.name, r.text, hit == yes)
			lost = true
		case verdictMaybeDrop:
			w.block(c.name, r.text, false)
			lost, stays = true, maybe
		case verdictReturn:
			returned = max(returned, hit)
		case verdictJump, verdictGoto:
			back, inside := w.follow(c, r, hit, depth)
			lost = lost || inside
			switch {
			case r.verdict == verdictGoto:
				returned = max(returned, back)
			case !inside:
				stays = reach
			default:
				stays = max(stays, back)
			}
		}
		if reach = min(reach, stays); reach == no {
			break
		}
	}
	switch {
	case !lost:
		return entry, false
	case reach == no && returned == no:
		return no, true
	default:
		return maybe, true
	}
}

// affect does to the packet what a rule does that it surely or maybe meets.
func (w *walker) affect(c *foreignChain, r foreignRule, hit answer) {
	if r.effects&^effectTracks == 0 {
		return
	}
	effects := r.effects
	early := w.p.states&stateInvalid != 0 // conntrack has not seen it yet
	if early && effects&effectTemplate != 0 {
		w.p.template = max(w.p.template, hit)
	}
	if w.p.template == yes {
		effects &^= effectNotrack // the kernel takes it for tracked already
	}
	w.met = append(w.met, happening{
		effects, w.place(c.name, r.text, hit == yes), slices.Concat(w.path, r.when), r.to, r.toUnknown,
	})
	if effects&effectNotrack != 0 && early {
		if hit == yes && w.p.template == no {
			w.p.states = stateUntracked
		}
		w.p.states |= stateUntracked
	}
	w.p.translated = w.p.translated || r.effects&effectNAT != 0
	if r.effects&(effectNAT|effectRewrite) != 0 {
		w.p.source, w.p.destination, w.p.sourcePort, w.p.destinationPort = nil, nil, nil, nil
		w.p.sourceType, w.p.destinationType = 0, 0
	}
}

func (w *walker) match(r foreignRule) answer {
	a := yes
	for i := range r.when {
		a = min(a, r.when[i].answer(w.p, w.base.hook))
	}
	return a
}

func (w *walker) follow(from *foreignChain, by foreignRule, reach answer, depth int) (left answer, lost bool) {
	target := w.chains[[3]string{from.family, from.table, by.target}]
	if target == nil {
		w.block(from.name, "jump to "+by.target+", which cannot be read", false)
		return maybe, true
	}
	outside := w.path
	w.path = slices.Concat(outside, by.when)
	defer func() { w.path = outside }()
	return w.walk(target, reach, depth+1)
}
