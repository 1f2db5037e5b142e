package worker

import (
	"strconv"

	gobgp "github.com/osrg/gobgp/v3/pkg/packet/bgp"
)

// notification says in words why a session was ended (RFC 4271 4.5, RFC 4486, RFC 9003).
func notification(text string, fields map[string]string) string {
	code, _ := strconv.ParseUint(fields["Code"], 10, 8)
	sub, _ := strconv.ParseUint(fields["Subcode"], 10, 8)
	if code == 0 {
		return text
	}
	why := text + ": " + gobgp.NewNotificationErrorCode(uint8(code), uint8(sub)).String()
	if said := fields["Communicated-Reason"]; said != "" {
		why += " (" + strconv.Quote(said) + ")"
	}
	return why
}
