package endpoint

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTemplateReplacesIdentifiersAndKeepsNames(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{"/", "/"},
		{"", "/"},
		{"/api/users/1234?x=1", "/api/users/{id}"},
		{"/api/users/me", "/api/users/me"},
		{"/api/users/12", "/api/users/{id}"},
		{"/api/campaigns/48211/profiles-collection/csv?lang=fr", "/api/campaigns/{id}/profiles-collection/csv"},
		{"/api/progressions/progression-7002501", "/api/progressions/{id}"},
		{"/api/challenges/recKXCpvRw82UtfuU", "/api/challenges/{id}"},
		{"/api/courses/recMFPHvyDNVAabcd", "/api/courses/{id}"},
		{"/api/documents/recirrwQsbqmJTXPN", "/api/documents/{id}"},
		{"/api/competences/recYhWuoTCjZXcabA/tutorials", "/api/competences/{id}/tutorials"},
		{"/exportPDFReport", "/exportPDFReport"},
		{"/api/frameworks/fr/areas", "/api/frameworks/fr/areas"},
		{"/api/v2/things", "/api/v2/things"},
		{"/files/0a1b2c3d4e5f", "/files/{id}"},
		{"/x/6c203d84-76a2-4b5d-a2d9-3604a8c5d9b9/y", "/x/{id}/y"},
		{"/x/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/x/{id}"},
		{"/u/jane@example.org", "/u/{id}"},
		{"/api/organizations/7/sco-students/import-csv", "/api/organizations/{id}/sco-students/import-csv"},
		{"/certificates/P-AB12CD34", "/certificates/{id}"},
		{"//a///b/", "/a/b"},
		{"https://api.example.org/a/77", "/a/{id}"},
		{"/getUserProfileById", "/getUserProfileById"},
		{"/api/complete-assessment", "/api/complete-assessment"},
		{"/oauth2/token", "/oauth2/token"},
		{"/2026-11-21/report", "/{id}/report"},
		{"/wp-login.php", "/wp-login.php"},
	} {
		if got := string(AppendTemplate(nil, []byte(c.path))); got != c.want {
			t.Errorf("AppendTemplate(%q) = %q, want %q", c.path, got, c.want)
		}
	}
}

func TestRouteParametersOfEveryRouterBecomeOne(t *testing.T) {
	for _, c := range []struct{ route, want string }{
		{"/users/:id", "/users/{id}"},
		{"/users/{userId}/profile", "/users/{id}/profile"},
		{"/users/<int:id>", "/users/{id}"},
		{"/users/[slug]", "/users/{id}"},
		{"/static/*", "/static/{id}"},
		{"/users/", "/users"},
	} {
		if got := string(AppendRoute(nil, []byte(c.route))); got != c.want {
			t.Errorf("AppendRoute(%q) = %q, want %q", c.route, got, c.want)
		}
	}
}

func TestCollapseMakesValuesOfManyRareChildrenAndKeepsCommonOnes(t *testing.T) {
	tab := NewTable()
	in := tab.Interner()
	counts := make([]int64, 200)
	add := func(path string, n int64) {
		counts[in.ID([]byte("GET"), []byte(path), nil)] += n
	}
	add("/reports/export", 500)
	letters := "abcdefghijklmnopqrstuvwxyz"
	for i := range 100 {
		add(fmt.Sprintf("/reports/%c%c-word/csv", letters[i%26], letters[i/26]), 1)
	}
	add("/users/me", 10)
	add("/areas/fr/list", 10)
	add("/areas/en-gb/list", 10)
	of, names, overflow := tab.Collapse(counts, nil)
	if overflow != 0 {
		t.Fatalf("overflow = %d", overflow)
	}
	want := []string{Overflow, "GET /areas/{id}/list", "GET /reports/export", "GET /reports/{id}/csv", "GET /users/me"}
	if fmt.Sprint(names) != fmt.Sprint(want) {
		t.Fatalf("names = %q, want %q", names, want)
	}
	if got := names[of[in.ID([]byte("GET"), []byte("/reports/aa-word/csv"), nil)]]; got != "GET /reports/{id}/csv" {
		t.Errorf("a rare child became %q", got)
	}
}

// Products of a shop are named by words and a number, and some are asked for all day long: they are products all the same.
func TestManyNamesWrittenAlikeWithNumbersAreValuesHoweverOftenEachIsAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		children int
		named    func(i int) string
		want     string
	}{
		"words and a number":        {40, func(i int) string { return fmt.Sprintf("%c-old-house-%d", 'a'+rune(i%26), 100+i) }, "GET /p/{id}/stock"},
		"letters, a dash, a number": {40, func(i int) string { return fmt.Sprintf("%cK-%d", 'A'+rune(i%26), 100+i) }, "GET /p/{id}/stock"},
		"numbered names":            {40, func(i int) string { return fmt.Sprintf("form%d", i) }, ""},
		"words alone":               {40, slug, ""},
		"few":                       {30, func(i int) string { return fmt.Sprintf("old-house-%d", 100+i) }, ""},
	} {
		tab := NewTable()
		in := tab.Interner()
		counts := make([]int64, 200)
		for i := range c.children {
			counts[in.ID([]byte("GET"), []byte("/p/"+c.named(i)+"/stock"), nil)] += int64(20 + 7*i)
		}
		counts[in.ID([]byte("GET"), []byte("/p/export"), nil)] += 5
		_, names, _ := tab.Collapse(counts, nil)
		want := c.children + 2 // with Overflow and the export
		if c.want != "" {
			want = 3
		}
		if len(names) != want || c.want != "" && !slices.Contains(names, c.want) || !slices.Contains(names, "GET /p/export") {
			t.Errorf("%s: %d names, want %d: %q", name, len(names), want, names)
		}
	}
}

// Those who look for weak spots ask for hundreds of names: that makes no values of the few that there are.
func TestNamesThatAreAlwaysRefusedMakeNoValuesOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		junk int
		want []string
	}{
		"many": {400, []string{Overflow, "GET /", "GET /export", "GET /items/{id}", "GET /items/{id}/x", "GET /{id}", "GET /{id}/x"}},
		"few":  {3, []string{Overflow, "GET /", "GET /export", "GET /items/{id}", "GET /items/{id}/x", "GET /s", "GET /sb-", "GET /sb-/x", "GET /sc-"}},
	} {
		tab := NewTable()
		in := tab.Interner()
		counts, refused := make([]int64, 2000), make([]bool, 2000)
		add := func(path string, n int64, no bool) {
			id := in.ID([]byte("GET"), []byte(path), nil)
			counts[id] += n
			refused[id] = no
		}
		add("/", 10_000, false)
		add("/export", 2, false)
		for i := range 100 {
			add("/items/"+slug(i), 1, false)
		}
		add("/items/"+slug(200)+"/x", 1, true) // of an item that nobody else asked for
		for i := range c.junk {
			add("/"+slug(i), 1, true)
		}
		add("/"+slug(1)+"/x", 1, true)
		_, names, _ := tab.Collapse(counts, refused)
		if !slices.Equal(names, c.want) {
			t.Errorf("%s: %q, want %q", name, names, c.want)
		}
	}
}

// slug is a name of letters, one for each i.
func slug(i int) string {
	s := []byte{'s'}
	for ; i > 0; i /= 26 {
		s = append(s, "abcdefghijklmnopqrstuvwxyz"[i%26], '-')
	}
	return string(s)
}

// A catalogue has more pages than the table has places, each with pages of its own: whichever comes first, they count as one endpoint each.
func TestMoreValuesThanTheTableHoldsAreOneEndpointInAnyOrder(t *testing.T) {
	const pages = 2 * MaxRaw
	read := func(order []int, goroutines int) map[string]int64 {
		tab := NewTable()
		counts := make([]int64, MaxRaw)
		ins := make([]*Interner, goroutines)
		for g := range ins {
			ins[g] = tab.Interner()
		}
		for n, i := range order {
			in := ins[n%goroutines]
			for _, path := range []string{"/shows/" + slug(i), "/shows/" + slug(i) + "/seats", "/about/us"} {
				counts[in.ID([]byte("GET"), []byte(path), nil)]++
			}
			if i%20 == 0 {
				counts[in.ID([]byte("GET"), []byte("/shows/today"), nil)]++
			}
		}
		if tab.Full() || tab.Len() > 5*maxFanout {
			t.Errorf("%d templates, full %v", tab.Len(), tab.Full())
		}
		of, names, _ := tab.Collapse(counts[:tab.Len()], nil)
		total := map[string]int64{}
		for raw, n := range counts[:tab.Len()] {
			total[names[of[raw]]] += n
		}
		return total
	}
	order := rand.New(rand.NewPCG(5, 6)).Perm(pages)
	want := map[string]int64{Overflow: 0, "GET /shows/{id}": pages, "GET /shows/{id}/seats": pages, "GET /about/us": pages, "GET /shows/today": pages / 20}
	backwards := slices.Clone(order)
	slices.Reverse(backwards)
	for name, got := range map[string]map[string]int64{"one goroutine": read(order, 1), "backwards": read(backwards, 1), "three goroutines": read(order, 3)} {
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestTableIsBounded(t *testing.T) {
	tab := NewTable()
	in := tab.Interner()
	for i := range MaxRaw * 2 {
		in.ID([]byte("GET"), []byte("/x/"+slug(i/100)+"/"+slug(i%100)), nil)
	}
	if tab.Len() > MaxRaw {
		t.Fatalf("table holds %d templates", tab.Len())
	}
	if len(in.local) > maxLocal {
		t.Fatalf("interner holds %d templates", len(in.local))
	}
	if !tab.Full() {
		t.Fatal("overflow is not said")
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add([]byte("/api/users/1"))
	f.Add([]byte("https://x"))
	f.Fuzz(func(t *testing.T, p []byte) {
		out := AppendTemplate(nil, p)
		if len(out) == 0 || out[0] != '/' || len(out) > len(p)*5+16 {
			t.Fatalf("%q -> %q", p, out)
		}
		AppendRoute(nil, p)
	})
}

// The tree of paths must say what AppendTemplate says, whatever it saw before.
func FuzzKnownPathsGetTheirTemplate(f *testing.F) {
	for _, p := range []string{"/api/users/1234?x=1", "/a//b/#", "/x/6c203d84-76a2-4b5d-a2d9-3604a8c5d9b9/y", "https://x/y", "/a/b/c?d/e", "/deadbeef/DEADBEEF/abcdefab",
		"/12345678/1234567x/x1234567", "/" + strings.Repeat("long/", 120), "/" + strings.Repeat("x", 80), "/a/\x80\xff/é",
		"/a?x=/b/c/dddddddd", "/v1/users?u=/1/2/3", "/v1/a.b/../.c/////", "/v1/1234/abcdefgh/i", "/api/v1/users/12/x", "/x/abcdefab-cdef-abcd-efab-cdefabcdefab",
		"/api/v1/sessions", "/api/v1/sessions/imports?x", "/api/v1/notifications2/12", "/users/1", "/users/12/orders", "/u?", "/a\x00", "/api//v1/x", "/eight/b", "/seven/b?"} {
		f.Add([]byte(p), []byte("/api/users/me"))
	}
	in, slow := NewTable().Interner(), []byte(nil)
	f.Fuzz(func(t *testing.T, p, q []byte) {
		if in.table.Len() >= manyFanout {
			in = NewTable().Interner() // before names are values by their number
		}
		for _, path := range [][]byte{p, q, p, append(append([]byte{'/'}, q...), p...)} {
			id := in.ID([]byte("GET"), path, nil)
			slow = AppendTemplate(append(slow[:0], "GET "...), path)
			if got := in.table.names[id]; got != string(slow) {
				t.Fatalf("%q is %q, its template is %q", path, got, slow)
			}
		}
	})
}

// Paths of known beginnings, of names and identifiers of any length, with queries and odd bytes anywhere.
func TestOddPathsGetTheirTemplate(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"/", "/", "/api", "/v1", "/v2", "/users", "/user", "/sessions", "/notifications", "/a", "/ab1", "/2fa", "/12", "/1234567", "/12345678", "/123456789012",
		"/da036707-0c86-1c80-de01-6fdd1ffab4c2", "/da036707-0c86-1c80-de01-6fdd1ffab4cg", "/DA036707-0C86-1C80-DE01-6FDD1FFAB4C2", "/da036707a0c86a1c80ade01a6fdd1ffab4c2",
		"/422ed5555626624e94c332d9", "/deadbeef", "?a=/b/c", "#", "x", "\x00", "\x80", "-", "0"}
	in, slow := NewTable().Interner(), []byte(nil)
	methods := []string{"GET", "POST", "PUT", "", "G", "GT", "PATCH", "OPTIONS", "PROPFIND", "X-LONG-METHOD"}
	for range 300_000 {
		if in.table.Len() >= manyFanout {
			in = NewTable().Interner() // before names are values by their number
		}
		path := []byte(nil)
		for range rnd.IntN(8) {
			path = append(path, pieces[rnd.IntN(len(pieces))]...)
		}
		if len(path) > 0 && rnd.IntN(4) == 0 {
			path[rnd.IntN(len(path))] = "/?#a0-\x00\xffF"[rnd.IntN(9)]
		}
		m := methods[rnd.IntN(len(methods))]
		id := in.ID([]byte(m), slices.Clip(path), nil)
		if m == "" {
			m = "ANY"
		}
		slow = AppendTemplate(append(append(slow[:0], m...), ' '), path)
		if got := in.table.names[id]; got != string(slow) {
			t.Fatalf("%q is %q, its template is %q", path, got, slow)
		}
	}
}

func TestUUIDsAndDigitsReadEightBytesAtOnce(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	uuid := regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	seed := []byte("da036707-0C86-1c80-dE01-6fdd1ffab4c2")
	for i := range uuidLen {
		for c := range 256 {
			b := slices.Clone(seed)
			b[i] = byte(c)
			if i%2 == 0 { // and another
				b[rnd.IntN(uuidLen)] = byte(rnd.IntN(256))
			}
			if got := isUUID(b); got != uuid.Match(b) {
				t.Fatalf("%q: %v", b, got)
			}
		}
	}
	for range 200_000 {
		b := make([]byte, 8)
		want := true
		for i := range b {
			b[i] = "0123456789012345678901234567890123456789012345678901234567/:\xfa"[rnd.IntN(61)]
			want = want && b[i] >= '0' && b[i] <= '9'
		}
		if got := areDigits(binary.LittleEndian.Uint64(b)); got != want {
			t.Fatalf("%q: %v", b, got)
		}
	}
}

func BenchmarkInterner(b *testing.B) {
	in := NewTable().Interner()
	paths := [][]byte{[]byte("/api/campaigns/48211/profiles-collection/csv?lang=fr"), []byte("/api/users/me"), []byte("/api/assessments/8823743/next"),
		[]byte("/api/v1/events/da036707-0c86-1c80-de01-6fdd1ffab4c2/0c492e82-92f4-4f2f-3bb2-e29945bd37a7/502928")}
	m := []byte("GET")
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		in.ID(m, paths[i%4], nil)
		i++
	}
}

// A site in several languages beside an API has one endpoint per page, not one per page and language.
func TestLanguagesBesideOtherNamesAreOneParameter(t *testing.T) {
	collapse := func(paths ...string) map[string]string {
		table := NewTable()
		in := table.Interner()
		counts := make([]int64, len(paths)+1)
		ids := map[string]uint32{}
		for _, p := range paths {
			ids[p] = in.ID([]byte("GET"), []byte(p), nil)
			counts[ids[p]] += 100
		}
		of, names, _ := table.Collapse(counts, nil)
		out := map[string]string{}
		for p, id := range ids {
			out[p] = names[of[id]]
		}
		return out
	}
	for _, c := range []struct {
		name  string
		paths []string
		want  map[string]string
	}{
		{"languages", []string{"/api/orders", "/fr/courses", "/en/courses", "/fr-CA/courses", "/fr", "/en", "/fr/help"},
			map[string]string{"/fr/courses": "GET /{id}/courses", "/fr-CA/courses": "GET /{id}/courses", "/fr": "GET /{id}", "/api/orders": "GET /api/orders"}},
		{"languages deeper", []string{"/shop/cart", "/shop/de/list", "/shop/it/list", "/shop/es/list"}, map[string]string{"/shop/it/list": "GET /shop/{id}/list", "/shop/cart": "GET /shop/cart"}},
		{"names of two letters", []string{"/api/orders", "/me/settings", "/my/orders", "/hr/payroll", "/qa/runs"}, map[string]string{"/me/settings": "GET /me/settings", "/hr/payroll": "GET /hr/payroll"}},
		{"one of them a name", []string{"/api/orders", "/fr/list", "/en/list", "/de/list", "/me/settings"}, map[string]string{"/fr/list": "GET /{id}/list", "/me/settings": "GET /me/settings"}},
		{"two languages", []string{"/api/orders", "/fr/list", "/en/list"}, map[string]string{"/fr/list": "GET /fr/list"}},
	} {
		got := collapse(c.paths...)
		for p, want := range c.want {
			if got[p] != want {
				t.Errorf("%s: %s is %q, want %q", c.name, p, got[p], want)
			}
		}
	}
}
func TestAThousandSiblingsAreValuesHoweverOftenEachIsAskedFor(t *testing.T) {
	for _, c := range []struct {
		siblings int
		merged   bool
	}{{2000, true}, {300, false}} {
		table := NewTable()
		in := table.Interner()
		var counts []int64
		ask := func(path string, n int64) uint32 {
			id := in.ID([]byte("GET"), []byte(path), nil)
			for int(id) >= len(counts) {
				counts = append(counts, 0)
			}
			counts[id] += n
			return id
		}
		words := []string{"harbour", "north", "river", "cable", "stone", "amber", "field", "cedar", "linen", "ivory", "maple", "ocean", "prism"}
		slug := func(i int) string {
			return words[i%13] + "-" + words[i/13%13] + "-" + words[i/169%13]
		}
		var first uint32
		for i := range c.siblings {
			id := ask("/produkte/"+slug(i), 5)
			if i == 0 {
				first = id
			}
		}
		seldom := ask("/verwaltung/katalog/import", 7)
		of, names, _ := table.Collapse(counts, nil)
		if got := names[of[first]] == "GET /produkte/{id}"; got != c.merged {
			t.Errorf("%d siblings: %s", c.siblings, names[of[first]])
		}
		if names[of[seldom]] != "GET /verwaltung/katalog/import" {
			t.Errorf("%d siblings: a seldom endpoint became %s", c.siblings, names[of[seldom]])
		}
	}
}
