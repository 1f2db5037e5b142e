package bfd

// queue is a heap of the sessions by what is due next.
type queue []*session

func (q *queue) push(s *session) {
	s.turn = len(*q)
	s.wake = s.nextWake()
	*q = append(*q, s)
	q.up(s.turn)
}

func (q *queue) remove(s *session) {
	last := len(*q) - 1
	at := s.turn
	q.swap(at, last)
	(*q)[last] = nil
	*q = (*q)[:last]
	if at < last {
		q.fix(at)
	}
}

// update moves a session to its place when its next event has moved.
func (q *queue) update(s *session) {
	at := s.nextWake()
	if s.turn < 0 || at == s.wake {
		return
	}
	s.wake = at
	q.fix(s.turn)
}

func (q queue) fix(i int) {
	if !q.down(i) {
		q.up(i)
	}
}

func (q queue) swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].turn, q[j].turn = i, j
}

func (q queue) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if q[i].wake >= q[parent].wake {
			return
		}
		q.swap(i, parent)
		i = parent
	}
}

func (q queue) down(i int) (moved bool) {
	for {
		child := 2*i + 1
		if child >= len(q) {
			return moved
		}
		if child+1 < len(q) && q[child+1].wake < q[child].wake {
			child++
		}
		if q[child].wake >= q[i].wake {
			return moved
		}
		q.swap(i, child)
		i, moved = child, true
	}
}
