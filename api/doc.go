// Package api is how the daemon tells what it knows: status values over
// HTTP/JSON on a unix socket, with the server, the client and the metrics.
//
//   - types.go    the values, and so the JSON; the reference for every key
//   - explain.go  the same for one packet's life, with its query
//   - list.go     lists and counters that are never null
//   - server.go   [Backend], time and size limits, errors as JSON; router.go gives
//     each path to what answers it, lsas.go knows the query for LSAs
//   - select.go   one entry out of a list, chosen by a query
//   - socket.go   claiming the socket: stale ones replaced, live ones refused
//   - client.go   the other end, with errors that a program can tell apart
//   - metrics.go  one snapshot as Prometheus metrics
//
// A value is taken from the daemon once, encoded completely, and only then
// written: however slowly somebody reads, no loop of the daemon waits for it.
package api
