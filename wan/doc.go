// Package wan decides which of several Internet uplinks carry traffic: probes in,
// state and order out. It is pure; time is an argument.
//
//   - config.go: what is wanted, and the arithmetic of marks
//   - attach.go: which link, gateway and address an uplink has now
//   - machine.go: the [Machine], which knows the state of every uplink
//   - health.go: rounds of probes to up and down, with damping
//   - order.go: the [Order]: who carries new connections, who the tunnels' endpoints
//
// Each uplink is up or down. It goes down at once when it loses its link, address or
// gateway, and after check.down-after rounds of probes that failed. It comes up after
// check.up-after good rounds in a row, and, once it has died, not before it has been
// well for check.hold-up; that time doubles with each death within ten minutes of the
// last return, up to [MaxHoldUp]. At the start an uplink that has link, address and gateway
// counts as up until its probes say otherwise, unless it was down when the last
// run ended: nobody waits for the start.
//
// An uplink keeps its identifier, which is in the marks of its connections,
// as long as its name is in the configuration.
package wan
