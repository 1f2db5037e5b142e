package sim
import ("testing";"time";"fmt")
func TestZZ(t *testing.T){
	for _, seed := range []uint64{10543,10120} {
	n:=wander(seed)
	n.Converge(100*time.Second)
	for _,r:=range n.routers { if r.engine==nil {continue}
		for _,a:=range r.engine.Database(n.now).Areas { for _,h:=range a.LSAs { if h.Type==2 { fmt.Println(r.Name,h.ID,h.Adv,h.Seq,h.Age) } } }
	}
	for _,s:=range n.segments { if s.lan { for _,p:=range s.ports { fmt.Println(s.prefix,p.router.Name,p.addr,p.priority, p.up,p.router.engine!=nil) } } }
	fmt.Println()
	}
}
