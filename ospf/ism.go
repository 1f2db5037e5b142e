package ospf

// ifState is an interface state (RFC 2328 9.1).
type ifState uint8

// Interface states in the RFC's order. Passive is ours: an interface whose
// networks are announced and on which no packet is exchanged.
const (
	ifDown ifState = iota
	ifLoopback
	ifPassive
	ifWaiting
	ifPointToPoint
	ifDROther
	ifBackup
	ifDR
)

var ifStateNames = [...]string{"Down", "Loopback", "Passive", "Waiting", "Point-To-Point", "DROther", "Backup", "DR"}

func (s ifState) String() string { return ifStateNames[s] }

// ifEvent is an interface event (RFC 2328 9.2). UnloopInd does not exist: a
// link does not change whether it is a loopback.
type ifEvent uint8

const (
	interfaceUp ifEvent = iota
	waitTimer
	backupSeen
	neighborChange
	interfaceDown
)

var ifEventNames = [...]string{"InterfaceUp", "WaitTimer", "BackupSeen", "NeighborChange", "InterfaceDown"}

func (ev ifEvent) String() string { return ifEventNames[ev] }

// ismRow is one row of the interface state machine: in one of the states, the
// event leads where next says.
type ismRow struct {
	from  []ifState
	event ifEvent
	next  func(*iface) ifState
}

// ism is the interface state machine in the order of RFC 2328 9.3. A pair
// that has no row changes nothing.
var ism = [...]ismRow{
	{[]ifState{ifDown}, interfaceUp, (*iface).firstState},
	{[]ifState{ifWaiting}, backupSeen, (*iface).elect},
	{[]ifState{ifWaiting}, waitTimer, (*iface).elect},
	{[]ifState{ifDROther, ifBackup, ifDR}, neighborChange, (*iface).elect},
	{[]ifState{ifLoopback, ifPassive, ifWaiting, ifPointToPoint, ifDROther, ifBackup, ifDR}, interfaceDown, func(*iface) ifState { return ifDown }},
}

// event runs the interface state machine (RFC 2328 9.3).
func (i *iface) event(ev ifEvent, reason string) {
	for _, row := range ism {
		if row.event != ev {
			continue
		}
		for _, s := range row.from {
			if s != i.state {
				continue
			}
			dr, bdr := i.dr, i.bdr
			i.setState(row.next(i), reason)
			if i.up && (i.dr != dr || i.bdr != bdr) {
				i.designatedChanged()
			}
			return
		}
	}
}

// firstState is the state in which an interface comes up (9.3, InterfaceUp).
func (i *iface) firstState() ifState {
	switch {
	case i.kind() == TypeLoopback:
		return ifLoopback
	case i.cfg.Passive:
		return ifPassive
	case i.pair(), i.kind() == TypePointToMultipoint:
		return ifPointToPoint
	case i.cfg.Priority == 0:
		return ifDROther
	}
	return ifWaiting
}

// setState performs a change of state and every consequence of it.
func (i *iface) setState(to ifState, reason string) {
	from := i.state
	if from == to {
		return
	}
	i.state = to
	i.up = to != ifDown
	i.e.emit(InterfaceChange{Interface: i.name, Area: i.area.id, From: from.String(), To: to.String(), Reason: reason})
	if to == ifDown {
		i.reset(reason)
	}
	i.join()
	if from == ifDown && i.listens() {
		i.matchStatic()
		i.announceOutage()
		i.e.timers.set(&i.hello, i.e.now)
	}
	i.startNeighbors(from)
	if to == ifWaiting {
		i.e.timers.set(&i.wait, i.e.now.Add(i.cfg.DeadInterval))
	} else {
		i.e.timers.stop(&i.wait)
	}
	i.originateNetwork()
	i.area.rootDirty = true
}

// reset clears everything that exists only while the interface is up (9.3,
// InterfaceDown).
func (i *iface) reset(reason string) {
	i.dropNeighbors(reason)
	i.unlistAll()
	i.dr, i.bdr = unspecified, unspecified
	i.e.timers.stop(&i.hello)
	i.e.timers.stop(&i.wait)
	i.e.timers.stop(&i.ack)
	i.acks = nil
	i.flooding = nil
	i.dropLinkDatabase()
}

// dropLinkDatabase forgets the type 9 LSAs of a link that is gone (RFC 5250 3).
func (i *iface) dropLinkDatabase() {
	i.e.dropDatabase(i.db)
	i.db = i.e.newDatabase(i.area, i)
}
