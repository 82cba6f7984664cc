package scenario

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// The vocabulary of generated endpoints: what a school platform, a shop and an insurer have.
var (
	resources = []string{
		"users", "orders", "invoices", "campaigns", "assessments", "answers", "sessions", "organizations", "courses", "challenges",
		"certifications", "products", "carts", "payments", "shipments", "contracts", "claims", "documents", "messages", "threads",
		"notifications", "reports", "teams", "projects", "tickets", "comments", "subscriptions", "devices", "readings", "events",
		"places", "bookings", "quotes", "vehicles", "policies", "students", "classes", "lessons", "articles", "tags",
	}
	subs = []string{
		"profile", "items", "history", "members", "attachments", "summary", "status", "permissions", "analyses", "results",
		"participations", "next", "correction", "tutorials", "preview", "export", "stats", "labels", "followers", "timeline",
	}
	singles = []string{"/api/users/me", "/api/feature-toggles", "/api/search", "/api/token", "/api", "/api/config", "/api/dashboard"}
	params  = []string{"{id}", "{id}", "{id}", "{id}", "{uuid}", "{rec}", "{hash}"}
	posts   = []string{"POST", "POST", "PATCH", "PUT", "DELETE"}
)

// genEndpoints makes n endpoints, none of which is in taken; the first get the greatest share.
func genEndpoints(rng *rand.Rand, n int, taken map[string]bool) []epSpec {
	var out []epSpec
	style := rng.IntN(3)
	prefix := []string{"/api", "/api/v1", ""}[style]
	for tries := 0; len(out) < n && tries < 50*n; tries++ {
		res := resources[rng.IntN(len(resources))]
		param := params[rng.IntN(len(params))]
		e := epSpec{method: "GET"}
		switch k := rng.IntN(12); {
		case k == 0:
			e.path = singles[rng.IntN(len(singles))]
		case k <= 2:
			e.path = prefix + "/" + res
		case k <= 5:
			e.path = prefix + "/" + res + "/" + param
		case k <= 8:
			e.path = prefix + "/" + res + "/" + param + "/" + subs[rng.IntN(len(subs))]
		case k == 9:
			e.method, e.path = "POST", prefix+"/"+res
		default:
			e.method = posts[rng.IntN(len(posts))]
			e.path = prefix + "/" + res + "/" + param
			if e.method == "POST" {
				e.path += "/" + subs[rng.IntN(len(subs))]
			}
		}
		if taken[e.key()] {
			continue
		}
		taken[e.key()] = true
		// Most take 30 to 200 ms; one in twelve is slow by nature.
		e.latency = 0.03 * lognormal(rng, 0.6, 0.6)
		if rng.IntN(12) == 0 {
			e.latency = 0.8 * lognormal(rng, 0.5, 0.8)
		}
		e.sigma = 0.4 + 0.5*rng.Float64()
		e.tail = 0.002 + 0.01*rng.Float64()
		e.memory = 0.1 * mib * lognormal(rng, 0.3, 0.7)
		e.query = e.method == "GET" && rng.IntN(4) == 0
		out = append(out, e)
	}
	// Zipf-like shares, in a random order of slowness.
	for i := range out {
		out[i].weight = 1 / (float64(i) + 1.5)
	}
	return out
}

const (
	hexDigits = "0123456789abcdef"
	alnum     = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
)

// people are the values of parameters that look like names of endpoints; see Scenario.NamePeople.
var people = strings.Fields(`alice bob carol dave erin frank grace heidi ivan judy kevin laura mallory niaj olivia peggy quentin rupert sybil trent ursula victor
	wendy xavier yvonne zoe anna ben clara david emil fiona georg hanna ines jonas karl lena mara nils`)

// makePath fills the parameters of a template with values of their kind.
func makePath(rng *rand.Rand, buf []byte, e *epSpec) []byte {
	buf = buf[:0]
	for i, seg := range e.segs {
		if i > 0 {
			buf = append(buf, '/')
		}
		if e.people > 0 && len(seg) > 0 && seg[0] == '{' {
			// Some ask for more than others.
			u := rng.Float64()
			buf = append(buf, people[int(u*u*float64(min(e.people, len(people))))]...)
			continue
		}
		switch seg {
		case "{id}":
			buf = strconv.AppendInt(buf, 1000+int64(rng.Uint64()%uint64(e.ids)), 10)
		case "{uuid}":
			buf = appendUUID(buf, rng.Uint64(), rng.Uint64())
		case "{hash}":
			a, b := rng.Uint64(), rng.Uint64()
			for k := range 24 {
				if k == 12 {
					a = b
				}
				buf = append(buf, hexDigits[a&15])
				a >>= 4
			}
		case "{rec}":
			buf = append(buf, "rec"...)
			a, b := rng.Uint64(), rng.Uint64()
			for k := range 14 {
				if k == 7 {
					a = b
				}
				buf = append(buf, alnum[a%uint64(len(alnum))])
				a /= uint64(len(alnum))
			}
		case "{slug}":
			buf = append(buf, subs[rng.IntN(len(subs))]...)
			buf = append(buf, '-')
			buf = append(buf, resources[rng.IntN(len(resources))]...)
			buf = append(buf, '-')
			buf = strconv.AppendInt(buf, 100+int64(rng.IntN(90000)), 10)
		default:
			buf = append(buf, seg...)
		}
	}
	if e.query {
		buf = append(buf, "?page="...)
		buf = strconv.AppendInt(buf, 1+int64(rng.IntN(6)), 10)
		buf = append(buf, "&size=25"...)
	}
	return buf
}

// normalTemplate names every parameter {id}, as reports do.
func normalTemplate(path string) string {
	segs := strings.Split(path, "/")
	for i, s := range segs {
		if strings.HasPrefix(s, "{") {
			segs[i] = "{id}"
		}
	}
	return strings.Join(segs, "/")
}

// routeOf is the template as an application's router has it.
func routeOf(path string) string {
	segs := strings.Split(path, "/")
	for i, s := range segs {
		if !strings.HasPrefix(s, "{") {
			continue
		}
		name := "id"
		if i > 0 {
			name = strings.TrimSuffix(segs[i-1], "s") + "Id"
		}
		segs[i] = ":" + name
	}
	return strings.Join(segs, "/")
}

func appendUUID(buf []byte, a, b uint64) []byte {
	for i := range 32 {
		switch i {
		case 8, 12, 16, 20:
			buf = append(buf, '-')
		}
		if i == 16 {
			a = b
		}
		buf = append(buf, hexDigits[a>>60])
		a <<= 4
	}
	return buf
}

// appendIP is the address of a user.
func appendIP(buf []byte, user uint32) []byte {
	x := user*2654435761 + 97
	buf = strconv.AppendUint(buf, uint64(80+x%110), 10)
	for _, shift := range []uint{7, 15, 23} {
		buf = append(buf, '.')
		buf = strconv.AppendUint(buf, uint64(x>>shift&255), 10)
	}
	return buf
}
