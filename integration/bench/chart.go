package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Measures of the chart in SVG units.
const (
	chartWidth = 900
	labelWidth = 380
	barLeft    = labelWidth + 10
	barWidth   = 360 // of the longest bar
	barHeight  = 10
	rowHeight  = 3*(barHeight+2) + 14
	headHeight = 70
)

// chartStyle works on a light and on a dark page.
const chartStyle = `
text { font: 12px system-ui, sans-serif; fill: #24292f }
.small { font-size: 10px } .title { font-size: 16px; font-weight: 600 } .dim { fill: #57606a }
.ecmpd { fill: #1a7f37 } .frr { fill: #bf8700 } .bird { fill: #8250df } .must { stroke: #cf222e; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .dim { fill: #9198a1 }
.ecmpd { fill: #3fb950 } .frr { fill: #d29922 } .bird { fill: #ab7df8 } .must { stroke: #ff7b72 }
}`

// chart draws the figures that ecmpd has a mark to reach in: a bar for each
// make, on a logarithmic scale of its own for each figure, and the mark.
func chart(r *report) []byte {
	var shown []*figure
	for _, f := range r.Figures {
		if f.Must != nil {
			shown = append(shown, f)
		}
	}
	var b strings.Builder
	height := headHeight + rowHeight*len(shown) + 10
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="ecmpd, FRR and BIRD side by side">`,
		chartWidth, height, chartWidth, height)
	fmt.Fprintf(&b, "<style>%s</style>\n", chartStyle)
	fmt.Fprint(&b, `<text x="10" y="24" class="title">ecmpd, FRR and BIRD side by side: less is better</text>`+"\n")
	fmt.Fprintf(&b, `<text x="10" y="44" class="dim">%s, Linux %s, %d processors; logarithmic scale, the red line is what ecmpd has to reach</text>`+"\n",
		r.Date, html.EscapeString(r.Kernel), r.Processors)
	for i, m := range makes {
		fmt.Fprintf(&b, `<rect x="%d" y="52" width="10" height="10" class="%s"/><text x="%d" y="61">%s</text>`+"\n", 10+80*i, m, 25+80*i, m)
	}
	for i, f := range shown {
		f.draw(&b, headHeight+rowHeight*i)
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func (f *figure) draw(b *strings.Builder, y int) {
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", labelWidth, y+16, html.EscapeString(f.Name))
	least, most := f.bounds()
	x := func(v float64) int {
		return int(barWidth * (0.05 + 0.95*math.Log(max(v, least)/least)/math.Log(most/least)))
	}
	for i, m := range makes {
		v, top := f.By[m], y+i*(barHeight+2)
		text, end := v.String(), barLeft
		if len(v.Samples) > 0 {
			text, end = number(v.Median)+" "+f.Unit, barLeft+x(v.Median)
			fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" class="%s"/>`, barLeft, top, end-barLeft, barHeight, m)
		}
		fmt.Fprintf(b, `<text x="%d" y="%d" class="small">%s</text>`+"\n", end+5, top+barHeight-1, html.EscapeString(text))
	}
	if *f.Must > 0 {
		at := barLeft + x(*f.Must)
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%d" y2="%d" class="must"/>`+"\n", at, at, y-2, y+3*(barHeight+2))
	}
}

// bounds are the least and the largest of what a figure shows, apart by a
// factor of ten at least.
func (f *figure) bounds() (least, most float64) {
	least, most = math.Inf(1), 0
	take := func(v float64) {
		if v > 0 {
			least, most = min(least, v), max(most, v)
		}
	}
	take(*f.Must)
	for _, v := range f.By {
		take(v.Median)
	}
	if most == 0 {
		return 1, 10
	}
	return least, max(most, 10*least)
}
