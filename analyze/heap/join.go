package heap

import (
	"math"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/google/pprof/profile"
)

const (
	joinScore  = 0.45 // likeness of names from which a route is tied to a function
	joinMargin = 1.25 // and how much better it must be than the next
	labelShare = 0.6  // of the labelled growth of a function that one endpoint must make up
	mostCalls  = 0.8  // of the growth of a function that must pass through a caller, to look at the caller's name
	routeCover = 0.6  // of the words of a route, by rarity, that a function must have, unless the route has all of the function's
	nameCover  = 0.6  // of the words in the name and file of a function that the route must have
	folderWord = 0.3  // weight of a word in a folder against one in a name
	verbWord   = 0.25 // weight of get, create and the like, which tell routes of one path apart
)

// endpointLabels are the labels that profilers use for the endpoint of a sample.
var endpointLabels = []string{"http.route", "http_route", "trace endpoint", "trace_endpoint", "endpoint", "route", "handler", "resource"}

// labelEndpoint returns the endpoint that a sample is labelled with; empty when it is not.
func labelEndpoint(s *profile.Sample) string {
	if len(s.Label) == 0 {
		return ""
	}
	for _, k := range endpointLabels {
		if v := s.Label[k]; len(v) > 0 && v[0] != "" {
			e := v[0]
			if m := firstLabel(s, "http.method", "http.request.method", "method"); m != "" && strings.HasPrefix(e, "/") {
				e = strings.ToUpper(m) + " " + e
			}
			return e
		}
	}
	return ""
}

func firstLabel(s *profile.Sample, keys ...string) string {
	for _, k := range keys {
		if v := s.Label[k]; len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// joiner ties functions to endpoints.
type joiner struct {
	a      *analysis
	routes []route
	rarity map[string]float64 // of a word among the routes
	labels map[int32]map[string]float64
}

type route struct {
	endpoint string
	words    map[string]float64
	verbs    []string
}

func (a *analysis) newJoiner() *joiner {
	j := &joiner{a: a, rarity: map[string]float64{}, labels: map[int32]map[string]float64{}}
	for _, e := range slices.Compact(slices.Sorted(slices.Values(a.o.Endpoints))) {
		method, p, ok := strings.Cut(e, " ")
		if !ok {
			method, p = "", e
		}
		r := route{endpoint: e, words: map[string]float64{}, verbs: methodVerbs[method]}
		for seg := range strings.SplitSeq(p, "/") {
			if seg == "" || strings.ContainsAny(seg[:1], "{:*<$") || stopWords[strings.ToLower(seg)] || isVersion(seg) {
				continue
			}
			for _, w := range words(seg) {
				r.words[w] = 1
			}
		}
		if len(r.words) > 0 {
			j.routes = append(j.routes, r)
		}
	}
	for _, r := range j.routes {
		for w := range r.words {
			j.rarity[w]++
		}
	}
	n := float64(len(j.routes))
	for w, c := range j.rarity {
		j.rarity[w] = math.Log(1 + n/c)
	}
	for _, s := range a.heaps {
		for _, l := range s.labels {
			m := j.labels[l.stack]
			if m == nil {
				m = map[string]float64{}
				j.labels[l.stack] = m
			}
			m[l.endpoint] += float64(l.bytes)
		}
	}
	return j
}

// endpoint returns the endpoint that a function works for, nil when that is not clear. A label on the samples decides before a
// route that the caller knows, and that before likeness of names, which takes a handler's name, file and folders for what
// people mostly make them: the words of its route.
func (j *joiner) endpoint(fn int32, own *owners, weights []float64) *string {
	t := j.tiesOf(fn, own, weights)
	for _, m := range []map[string]float64{t.labelled, t.routed} {
		var sum float64
		for _, v := range m {
			sum += v
		}
		if top := topKeys(m, 1); len(top) > 0 && m[top[0]] >= labelShare*sum {
			return j.canonical(top[0])
		}
	}
	if t.background > t.all/2 {
		return nil
	}
	return j.likeliest(t)
}

// ties are what the growing stacks of one function say of the endpoint that it works for, weighed by their growth.
type ties struct {
	all              float64
	background       float64            // of no request
	labelled, routed map[string]float64 // by endpoint: bytes with its label, growth below a handler that is known to serve it
	chain            map[int32]float64  // through the function itself, and through each of its callers
}

func (j *joiner) tiesOf(fn int32, own *owners, weights []float64) ties {
	a := j.a
	t := ties{labelled: map[string]float64{}, routed: map[string]float64{}, chain: map[int32]float64{}}
	var seg []int32
	for i, g := range weights {
		id := int32(i)
		if g <= 0 {
			continue
		}
		if f, _ := own.owner(id); f != fn {
			continue
		}
		t.all += g
		for e, b := range j.labels[id] {
			t.labelled[e] += b
		}
		web := false
		for _, fr := range a.stacks.of(id) {
			f := a.stacks.fns[fr.fn]
			web = web || isServer(f)
			if e, ok := a.o.HandlerRoutes[f.name]; ok {
				t.routed[e] += g
			}
		}
		seg = own.paths.of(seg, id)
		for k := max(0, slices.Index(seg, fn)); k < len(seg); k++ {
			if !slices.Contains(seg[:k], seg[k]) {
				t.chain[seg[k]] += g
			}
		}
		if !web && languageOf(a.stacks.fns[fn].name, a.stacks.fns[fn].file) == langGo {
			t.background += g // a Go stack is whole: without a server on it, no request made it
		}
	}
	return t
}

// likeliest returns the one route that the names of a function and of those who call it are like; nil when none is, or several are.
func (j *joiner) likeliest(t ties) *string {
	scores := map[string]float64{}
	for f, g := range t.chain {
		if g < mostCalls*t.all {
			continue // not a caller of most of it
		}
		for _, r := range j.routes {
			scores[r.endpoint] = max(scores[r.endpoint], j.likeness(j.a.stacks.fns[f], r))
		}
	}
	top := topKeys(scores, 2)
	if len(top) == 0 || scores[top[0]] < joinScore || len(top) == 2 && scores[top[0]] < joinMargin*scores[top[1]] {
		return nil
	}
	return &top[0]
}

// canonical finds the known endpoint that a label means ("/api/users/:id" means "GET /api/users/{id}"); a label that is no known
// endpoint but looks like one is taken as it is.
func (j *joiner) canonical(label string) *string {
	shape := func(e string) string {
		segs := strings.Split(e, "/")
		for i, s := range segs {
			if s != "" && strings.ContainsAny(s[:1], "{:*<$") {
				segs[i] = "{}"
			}
		}
		return strings.Join(segs, "/")
	}
	want := shape(label)
	var found []string
	for _, e := range j.a.o.Endpoints {
		s := shape(e)
		_, p, _ := strings.Cut(s, " ")
		if s == want || p == want {
			found = append(found, e)
		}
	}
	switch {
	case len(found) == 1:
		return &found[0]
	case len(found) == 0 && strings.Contains(label, "/"):
		return &label
	}
	return nil
}

// likeness compares the words of a function with those of a route: twice what they share over what both have, each word by how
// rare it is among the routes.
func (j *joiner) likeness(f function, r route) float64 {
	have := map[string]float64{}
	base := path.Base(f.file)
	file := strings.TrimSuffix(base, path.Ext(base))
	put := func(s string, weight float64) {
		for _, w := range words(s) {
			have[w] = max(have[w], weight)
		}
	}
	name := f.name
	if languageOf(f.name, f.file) == langGo {
		name = strings.TrimPrefix(name, goPackage(name))
	}
	if !anonymous(f.name) {
		put(name, 1)
	}
	if file != "main" && file != "index" && file != "server" && file != "app" {
		put(file, 1)
		dirs := strings.Split(path.Dir(f.file), "/")
		for _, d := range dirs[max(0, len(dirs)-5):] {
			put(d, folderWord)
		}
	}
	var shared, route, mine, covered float64
	var explained, named int
	verb := false
	for w, weight := range have {
		verb = verb || slices.Contains(r.verbs, w)
		switch {
		case r.words[w] > 0:
			shared += weight * j.rarity[w]
			mine += weight * j.rarity[w]
			covered += j.rarity[w]
			if weight == 1 {
				explained, named = explained+1, named+1
			}
		case weight == 1 && !commonWords[w] && !allVerbs[w]:
			mine += weight * j.unknown()
			named++
		}
	}
	for w := range r.words {
		route += j.rarity[w]
	}
	switch {
	case explained == 0 || float64(explained) < nameCover*float64(named):
		return 0 // the name speaks of something else
	case covered < routeCover*route && explained < named:
		return 0 // and so does the route
	}
	s := 2 * shared / (route + mine)
	if verb {
		s *= 1 + verbWord
	}
	return s
}

// unknown is the weight of a word of a function that no route has: half that of the rarest word of a route, because functions
// are named in more words than routes are.
func (j *joiner) unknown() float64 { return math.Log(1+float64(len(j.routes))) / 2 }

// isServer reports whether a frame belongs to what serves HTTP or RPC requests in Go.
func isServer(f function) bool {
	for _, p := range []string{"net/http.(*conn).serve", "net/http.serverHandler", "net/http.HandlerFunc", "net/http.(*http2serverConn)", "github.com/valyala/fasthttp.", "google.golang.org/grpc.(*Server)", "golang.org/x/net/http2.(*serverConn)", "net/http.(*ServeMux)"} {
		if strings.HasPrefix(f.name, p) {
			return true
		}
	}
	return false
}

// methodVerbs are words in the names of handlers that go with a method.
var methodVerbs = map[string][]string{
	"GET":    {"get", "find", "list", "fetch", "show", "read", "search", "export", "download", "load"},
	"POST":   {"create", "add", "save", "post", "import", "submit", "register", "upload", "insert", "new", "start"},
	"PUT":    {"update", "put", "replace", "set", "save"},
	"PATCH":  {"update", "patch", "edit", "change", "complete"},
	"DELETE": {"delete", "remove", "destroy", "archive", "cancel"},
}

var (
	allVerbs = wordSet("get find list fetch show read search export download load create add save post import submit register upload insert new start update put replace set patch edit change complete delete remove destroy archive cancel")
	// stopWords are segments that most routes have and that say nothing.
	stopWords = wordSet("api rest graphql rpc public internal v1 v2 v3")
	// commonWords are words in names of functions, files and folders that tell no endpoint.
	commonWords = wordSet("src app lib dist build server client main index handler handle controller service usecase use case domain application infrastructure repository repositorie repo model route router api http web module func function async await do run serve impl internal pkg cmd js ts go java compute process build make render by for of to the all with from in on paginated cached")
)

func isVersion(s string) bool {
	return len(s) > 1 && len(s) <= 3 && (s[0] == 'v' || s[0] == 'V') && unicode.IsDigit(rune(s[1]))
}

// words splits a name at case changes and separators, in lower case and singular.
func words(s string) []string {
	var out []string
	var cur []rune
	flush := func() {
		if len(cur) > 1 {
			out = append(out, singular(strings.ToLower(string(cur))))
		}
		cur = cur[:0]
	}
	rs := []rune(s)
	for i, r := range rs {
		switch {
		case !unicode.IsLetter(r):
			flush()
			continue
		case unicode.IsUpper(r) && i > 0 && (unicode.IsLower(rs[i-1]) || i+1 < len(rs) && unicode.IsLower(rs[i+1]) && unicode.IsUpper(rs[i-1])):
			flush()
		}
		cur = append(cur, r)
	}
	flush()
	return out
}

// singular takes the plural off an English word, well enough to compare names.
func singular(w string) string {
	switch {
	case len(w) > 4 && strings.HasSuffix(w, "ies"):
		return w[:len(w)-3] + "y"
	case len(w) > 4 && (strings.HasSuffix(w, "sses") || strings.HasSuffix(w, "xes") || strings.HasSuffix(w, "ches") || strings.HasSuffix(w, "shes")):
		return w[:len(w)-2]
	case len(w) > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") && !strings.HasSuffix(w, "us") && !strings.HasSuffix(w, "is"):
		return w[:len(w)-1]
	case len(w) > 5 && strings.HasSuffix(w, "yses"):
		return w[:len(w)-2] + "is"
	}
	return w
}
