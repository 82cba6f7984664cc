package traffic

import (
	"slices"

	"lastcall/analyze/internal/naming"
)

// Untied returns what died and the addresses that requests name, where no request names what died and nothing ties those addresses to
// any container: the dead may have served any of these requests or none, so that who was not seen at a death was not cleared by it.
func (t *Traffic) Untied() (dead, addresses []string) {
	if !t.Containers.Named || len(t.Life.Deaths) == 0 {
		return nil, nil
	}
	for i := range t.Life.Deaths {
		d := &t.Life.Deaths[i]
		if c := t.Containers.died(d); c != 0 && t.spans[c].First != 0 {
			return nil, nil // it served
		}
		dead = append(dead, d.Container)
	}
	strange, _ := t.Names.Strangers(t.Evidence)
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
