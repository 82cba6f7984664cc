package analyze

import (
	"fmt"
	"slices"

	"lastcall/analyze/finding"
	"lastcall/analyze/internal/naming"
)

// untied returns what died and the addresses that requests name, where no request names what died and nothing ties those addresses to
// any container: the dead may have served any of these requests or none, so that who was not seen at a death was not cleared by it.
func (t *traffic) untied() (dead, addresses []string) {
	if !t.named || len(t.life.Deaths) == 0 {
		return nil, nil
	}
	for i := range t.life.Deaths {
		d := &t.life.Deaths[i]
		if c := t.deathContainer(d); c != 0 && t.spans[c].First != 0 {
			return nil, nil // it served
		}
		dead = append(dead, d.Container)
	}
	strange, _ := t.canon.Strangers(t.ev)
	for _, name := range strange {
		if naming.AddressOf(name) != "" {
			addresses = append(addresses, name)
		}
	}
	if len(addresses) == 0 {
		return nil, nil
	}
	slices.Sort(dead)
	slices.Sort(addresses)
	return slices.Compact(dead), slices.Compact(addresses)
}

// tellUntied says in the verdict and in the checks that the open requests could not be asked.
func (q *inquiry) tellUntied() {
	if len(q.strangeDead) == 0 {
		return
	}
	if v := &q.report.Verdict; v.Cause == finding.Undetermined {
		v.Summary += " The requests name only addresses, and nothing ties those to what died."
	}
	for i := range q.report.Checks {
		if c := &q.report.Checks[i]; c.Rule == "burst.open-at-onset" && c.Outcome == finding.NotPossible {
			c.Detail = fmt.Sprintf("the requests name %s, and nothing ties those addresses to %s", listSome(q.strangeAddresses, 4), listSome(q.strangeDead, 4))
		}
	}
}
