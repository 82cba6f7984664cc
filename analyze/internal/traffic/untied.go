package traffic

import (
	"slices"

	"lastcall/analyze/internal/naming"
)

// Untied is what died where no request names it and requests name what may be the same: the dead may have served any of these requests or
// none, so that who was not seen at a death was not cleared by it.
type Untied struct {
	Dead []string
	// Addresses are those that requests name and that nothing ties to any container.
	Addresses []string
	// Containers are those that requests name of pods that died, of which nothing tells which of their containers it was.
	Containers []string
}

// Untied returns what could not be tied; nothing where one of the dead served, or none of the requests may be theirs.
func (t *Traffic) Untied() (u Untied) {
	if !t.Containers.Named || len(t.Life.Deaths) == 0 {
		return Untied{}
	}
	for i := range t.Life.Deaths {
		d := &t.Life.Deaths[i]
		if c := t.Containers.died(d); c != 0 && t.spans[c].First != 0 {
			return Untied{} // it served
		}
		u.Dead = append(u.Dead, d.Container)
		for _, name := range t.Names.Unclear(d.Container) {
			if c := t.Containers.Index(name); c != 0 && t.spans[c].First != 0 {
				u.Containers = append(u.Containers, name)
			}
		}
	}
	u.Addresses = t.StrangeAddresses()
	if len(u.Addresses)+len(u.Containers) == 0 {
		return Untied{}
	}
	for _, names := range []*[]string{&u.Dead, &u.Addresses, &u.Containers} {
		slices.Sort(*names)
		*names = slices.Compact(*names)
	}
	return u
}

// StrangeAddresses returns the addresses that requests name and that nothing ties to any container.
func (t *Traffic) StrangeAddresses() (addresses []string) {
	strange, _ := t.Names.Strangers(t.Evidence)
	for _, name := range strange {
		if naming.AddressOf(name) != "" {
			addresses = append(addresses, name)
		}
	}
	slices.Sort(addresses)
	return slices.Compact(addresses)
}
