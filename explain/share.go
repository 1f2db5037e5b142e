package explain

// Share is how much of a sample a member got.
type Share struct {
	Flows      int
	Configured float64 // percent, by weights
	Measured   float64 // percent
}

// Shares compares counts of flows with weights, member by member.
func Shares(weights, counts []int) []Share {
	total, flows := 0, 0
	for i := range weights {
		total, flows = total+weights[i], flows+counts[i]
	}
	out := make([]Share, len(weights))
	for i := range out {
		out[i] = Share{counts[i], percent(weights[i], total), percent(counts[i], flows)}
	}
	return out
}

func percent(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return 100 * float64(n) / float64(of)
}
