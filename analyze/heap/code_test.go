package heap

import (
	"slices"
	"strings"
	"testing"

	"lastcall/collectors/record"
)

func TestWhoseCodeAFunctionIs(t *testing.T) {
	type fn struct{ name, file string }
	goApp := []function{{name: "main.main", file: "/app/cmd/server/main.go"}, {name: "runtime.main", file: "/usr/local/go/src/runtime/proc.go"}}
	goTrim := []function{{name: "main.main", file: "github.com/acme/shop/cmd/server/main.go"}, {name: "runtime.main", file: "runtime/proc.go"}}
	node := []function{{name: "a", file: "/app/a.js"}, {name: "b", file: "node:net"}}
	jvm := []function{{name: "java.lang.Thread.run", file: "Thread.java"}}
	net := []function{{name: "System.String.Concat", file: ""}}
	rust := []function{{name: "core::ops::call", file: "/rustc/abc/library/core/src/ops.rs"}}
	python := []function{{name: "f", file: "/app/f.py"}}
	for name, c := range map[string]struct {
		all   []function
		hints []string
		fn    fn
		want  codeKind
	}{
		"package main":                              {goApp, nil, fn{"main.cacheProfile", "/app/main.go"}, codeUser},
		"a package of the main module":              {goApp, nil, fn{"acme/shop/orders.(*Store).Keep", "/app/orders/store.go"}, codeUser},
		"the standard library":                      {goApp, nil, fn{"net/http.(*conn).serve", "/usr/local/go/src/net/http/server.go"}, codeStandard},
		"generics of the standard library":          {goApp, nil, fn{"slices.SortFunc[go.shape.[]github.com/acme/shop.X]", "/usr/local/go/src/slices/sort.go"}, codeStandard},
		"assembly":                                  {goApp, nil, fn{"memmove", ""}, codeStandard},
		"a dependency in the module cache":          {goApp, nil, fn{"github.com/gin-gonic/gin.(*Context).Next", "/go/pkg/mod/github.com/gin-gonic/gin@v1.9.1/context.go"}, codeLibrary},
		"a dependency in vendor":                    {goApp, nil, fn{"github.com/gin-gonic/gin.(*Context).Next", "/app/vendor/github.com/gin-gonic/gin/context.go"}, codeLibrary},
		"the main module of a -trimpath build":      {goTrim, nil, fn{"github.com/acme/shop/orders.Keep", "github.com/acme/shop/orders/keep.go"}, codeUser},
		"a sibling of it":                           {goTrim, nil, fn{"github.com/acme/lib.Do", "github.com/acme/lib@v1.0.0/do.go"}, codeLibrary},
		"the standard library of a -trimpath build": {goTrim, nil, fn{"bufio.NewWriterSize", "bufio/bufio.go"}, codeStandard},
		"x repositories without a file":             {goTrim, nil, fn{"golang.org/x/net/http2.(*Framer).ReadFrame", ""}, codeLibrary},
		"a file of the application":                 {node, nil, fn{"getOrder", "/app/src/orders.js"}, codeUser},
		"an ES module":                              {node, nil, fn{"getOrder", "/app/src/orders.mjs"}, codeUser},
		"a dependency":                              {node, nil, fn{"next", "/app/node_modules/express/lib/router.js"}, codeLibrary},
		"a dependency with pnpm":                    {node, nil, fn{"next", "/app/node_modules/.pnpm/express@5.0.0/node_modules/express/index.js"}, codeLibrary},
		"a dependency bundled":                      {node, nil, fn{"next", "webpack://shop/./node_modules/express/lib/router.js"}, codeLibrary},
		"Node itself":                               {node, nil, fn{"processTimers", "node:internal/timers"}, codeStandard},
		"a builtin":                                 {node, nil, fn{"map", ""}, codeUnknown},
		"memory outside the heap":                   {node, nil, fn{"(external)", ""}, codePseudo},
		"a class of the application":                {jvm, nil, fn{"com.acme.shop.OrderService.keep", "OrderService.java"}, codeUser},
		"a class with slashes":                      {jvm, nil, fn{"com/acme/shop/OrderService.keep", ""}, codeUser},
		"the JDK":                                   {jvm, nil, fn{"java/util/HashMap.putVal", ""}, codeStandard},
		"Spring":                                    {jvm, nil, fn{"org.springframework.web.servlet.DispatcherServlet.doDispatch", "DispatcherServlet.java"}, codeLibrary},
		"the JVM's own frames":                      {jvm, nil, fn{"OptoRuntime::new_array_C(Klass*, int)", ""}, codeUnknown},
		"a type of the application":                 {net, nil, fn{"Acme.Shop.OrderCache.Keep", "OrderCache.cs"}, codeUser},
		"with its assembly":                         {net, nil, fn{"Acme.Shop!Acme.Shop.OrderCache.Keep", ""}, codeUser},
		".NET":                                      {net, nil, fn{"System.Private.CoreLib!System.String.Concat", ""}, codeStandard},
		"ASP.NET":                                   {net, nil, fn{"Microsoft.AspNetCore.Routing.EndpointMiddleware.Invoke", ""}, codeStandard},
		"a crate of the application":                {rust, nil, fn{"shop::orders::keep", "/app/src/orders.rs"}, codeUser},
		"a crate from the registry":                 {rust, nil, fn{"indexmap::map::insert", "/root/.cargo/registry/src/index.crates.io-abc/indexmap-2.0/src/map.rs"}, codeLibrary},
		"Rust's own":                                {rust, nil, fn{"<alloc::vec::Vec<T> as core::iter::Extend>::extend", "/rustc/9fc6b431/library/alloc/src/vec/mod.rs"}, codeStandard},
		"tokio without a file":                      {rust, nil, fn{"tokio::runtime::task::harness::poll", ""}, codeStandard},
		"a Python file":                             {python, nil, fn{"keep", "/app/shop/orders.py"}, codeUser},
		"a Python package":                          {python, nil, fn{"dispatch", "/usr/lib/python3.12/site-packages/flask/app.py"}, codeLibrary},
		"Python's own":                              {python, nil, fn{"loads", "/usr/lib/python3.12/json/__init__.py"}, codeStandard},
		"a hint by package":                         {goTrim, []string{"github.com/acme/"}, fn{"github.com/acme/lib.Do", "github.com/acme/lib/do.go"}, codeUser},
		"a hint by folder":                          {node, []string{"/app/src"}, fn{"getOrder", "/app/src/orders.js"}, codeUser},
		"what the hints leave out":                  {node, []string{"/app/src"}, fn{"getOrder", "/app/generated/orders.js"}, codeLibrary},
	} {
		t.Run(name, func(t *testing.T) {
			cl := newClassifier(append(slices.Clone(c.all), function{name: c.fn.name, file: c.fn.file}), c.hints)
			if got := cl.classify(c.fn.name, c.fn.file); got != c.want {
				t.Errorf("%s in %q is %d, want %d", c.fn.name, c.fn.file, got, c.want)
			}
		})
	}
}

func TestGoPackages(t *testing.T) {
	for name, want := range map[string]string{
		"main.main":              "main",
		"net/http.(*conn).serve": "net/http",
		"github.com/acme/shop/orders.(*Store).Keep":    "github.com/acme/shop/orders",
		"gopkg.in/yaml%2ev3.(*Decoder).Decode":         "gopkg.in/yaml.v3",
		"slices.SortFunc[go.shape.[]github.com/a/b.X]": "slices",
		"memmove": "memmove",
	} {
		if got := goPackage(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// leakOf runs a leak in the given stacks (megabytes a minute) besides what else is there, and returns the first row.
func leakOf(t *testing.T, base, slope map[string]float64, o Options) string {
	t.Helper()
	r := run(t, grows(t, "web-1", 8, base, slope), o)
	if len(r.Heap) == 0 {
		t.Fatalf("no rows; notes %q", r.Notes)
	}
	return r.Heap[0].Function
}

func TestTheFunctionThatAPersonWouldNameOwnsTheGrowth(t *testing.T) {
	const web = " < next@/app/node_modules/express/router.js:5 < emit@node:events:3"
	for name, c := range map[string]struct {
		base, slope map[string]float64
		want        string
	}{
		"not a builtin that allocates": {
			slope: map[string]float64{"set@ < keep@/app/a.js:3 < handle@/app/h.js:2" + web: 5}, want: "keep",
		},
		"not a library that allocates": {
			slope: map[string]float64{"parse@/app/node_modules/qs/parse.js:3 < keep@/app/a.js:3 < handle@/app/h.js:2" + web: 5}, want: "keep",
		},
		"not a helper that everybody calls": {
			base: map[string]float64{
				"text@/app/x/text.js:1 < load@/app/load.js:2": 20, "text@/app/x/text.js:1 < users@/app/users.js:2" + web: 1, "text@/app/x/text.js:1 < carts@/app/carts.js:2" + web: 1,
			},
			slope: map[string]float64{"text@/app/x/text.js:1 < keep@/app/a.js:3 < handle@/app/h.js:2" + web: 5}, want: "keep",
		},
		"nor a helper of such a helper": {
			base: map[string]float64{
				"random@/app/x/random.js:1 < text@/app/x/text.js:1 < load@/app/load.js:2": 20, "random@/app/x/random.js:1 < text@/app/x/text.js:1 < users@/app/users.js:2" + web: 1, "random@/app/x/random.js:1 < text@/app/x/text.js:1 < carts@/app/carts.js:2" + web: 1,
			},
			slope: map[string]float64{"random@/app/x/random.js:1 < text@/app/x/text.js:1 < keep@/app/a.js:3 < handle@/app/h.js:2" + web: 5}, want: "keep",
		},
		"but the work behind a shared wrapper": {
			base: map[string]float64{
				"withRetry@/app/x/retry.js:1 < users@/app/users.js:2" + web: 1, "withRetry@/app/x/retry.js:1 < carts@/app/carts.js:2" + web: 1, "withRetry@/app/x/retry.js:1 < posts@/app/posts.js:2" + web: 1,
			},
			slope: map[string]float64{"fill@/app/report.js:9 < withRetry@/app/x/retry.js:1 < report@/app/report.js:2" + web: 5}, want: "fill",
		},
		"a helper that leaks for everybody is itself to blame": {
			slope: map[string]float64{
				"memo@/app/x/memo.js:1 < users@/app/users.js:2" + web: 2, "memo@/app/x/memo.js:1 < carts@/app/carts.js:2" + web: 2, "memo@/app/x/memo.js:1 < posts@/app/posts.js:2" + web: 2,
			}, want: "memo",
		},
		"the caller of several small ones": {
			slope: map[string]float64{
				"rows@/app/e.js:9 < exportAll@/app/e.js:2" + web: 2, "cells@/app/e.js:19 < exportAll@/app/e.js:2" + web: 2, "page@/app/e.js:29 < exportAll@/app/e.js:2" + web: 2,
			}, want: "exportAll",
		},
		"not main, through which everything goes": {
			slope: map[string]float64{
				"main.keep@/app/main.go:9 < main.getOrder@/app/main.go:8 < net/http.HandlerFunc.ServeHTTP@/usr/local/go/src/net/http/server.go:1 < main.logging.func1@/app/main.go:3 < net/http.(*conn).serve@/usr/local/go/src/net/http/server.go:2":   3,
				"main.hoard@/app/main.go:19 < main.getUser@/app/main.go:18 < net/http.HandlerFunc.ServeHTTP@/usr/local/go/src/net/http/server.go:1 < main.logging.func1@/app/main.go:3 < net/http.(*conn).serve@/usr/local/go/src/net/http/server.go:2": 2,
			}, want: "main.keep",
		},
		"a callback counts for the function it is written in": {
			slope: map[string]float64{"(anonymous:L#8:C#3)@/app/e.js:8 < map@ < exportAll@/app/e.js:2" + web: 5}, want: "exportAll",
		},
		"a handler without a name has its file and line": {
			slope: map[string]float64{"(anonymous:L#8:C#3)@/app/routes.js:8" + web: 5}, want: "(anonymous) routes.js:8",
		},
		"what goes on after an await belongs to its caller": {
			slope: map[string]float64{
				"text@/app/x/text.js:1 < load@/app/e.js:9 < (anonymous)@ < runNextTicks@node:internal/process/task_queues:1": 3,
				"load@/app/e.js:9 < exportAll@/app/e.js:2" + web:                                                             1, "all@ < exportAll@/app/e.js:2" + web: 1,
			},
			base: map[string]float64{"text@/app/x/text.js:1 < load@/app/load.js:2": 20, "text@/app/x/text.js:1 < users@/app/users.js:2" + web: 1, "text@/app/x/text.js:1 < carts@/app/carts.js:2" + web: 1},
			want: "load",
		},
		"a library when no code of the user's is on the stack": {
			slope: map[string]float64{"alloc@node:buffer:3 < push@/app/node_modules/queue/index.js:4 < emit@node:events:3": 5}, want: "push",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := leakOf(t, c.base, c.slope, Options{}); got != c.want {
				t.Errorf("first row %s, want %s", got, c.want)
			}
		})
	}
}

func TestEndpointsAreTiedWithCaution(t *testing.T) {
	const web = " < next@/app/node_modules/express/router.js:5 < emit@node:events:3"
	const goWeb = " < net/http.HandlerFunc.ServeHTTP@/usr/local/go/src/net/http/server.go:1 < net/http.(*conn).serve@/usr/local/go/src/net/http/server.go:2"
	routes := []string{
		"GET /api/users", "GET /api/users/{id}", "GET /api/users/{id}/profile", "POST /api/users/{id}/carts", "DELETE /api/users/{id}/carts", "GET /api/campaigns", "GET /api/campaigns/{id}",
		"GET /api/campaigns/{id}/profiles-collection/csv", "GET /api/campaigns/{id}/analyses", "GET /api/orders/{id}/invoice", "GET /api/products",
	}
	for name, c := range map[string]struct {
		stack string
		label map[string]string
		o     Options
		want  string
	}{
		"by the name of the handler":                 {stack: "keep@/app/a.js:1 < getUserProfile@/app/users/get-user-profile.js:3" + web, want: "GET /api/users/{id}/profile"},
		"by the words of the file":                   {stack: "compute@/app/src/campaigns/export-profiles-collection.js:6" + web, want: "GET /api/campaigns/{id}/profiles-collection/csv"},
		"by the verb where two share a path":         {stack: "createUserCart@/app/carts/create-user-cart.js:6" + web, want: "POST /api/users/{id}/carts"},
		"a Go handler":                               {stack: "main.cache@/app/main.go:1 < main.getOrderInvoice@/app/main.go:3" + goWeb, want: "GET /api/orders/{id}/invoice"},
		"not background work in Go":                  {stack: "main.refreshOrderInvoice@/app/main.go:3 < main.main.func2@/app/main.go:9"},
		"not by one word among others":               {stack: "writeHeapProfile@/app/server.js:62" + web},
		"not a background job of another name":       {stack: "refreshUsageStatistics@/app/src/jobs/refresh-usage-statistics.js:6"},
		"not when two fit":                           {stack: "userCarts@/app/carts/user-carts.js:6" + web},
		"not a shared helper":                        {stack: "text@/app/shared/text.js:1" + web},
		"a label decides":                            {stack: "keep@/app/a.js:1 < getUserProfile@/app/users/get-user-profile.js:3" + web, label: map[string]string{"trace endpoint": "GET /api/campaigns/:id/analyses"}, want: "GET /api/campaigns/{id}/analyses"},
		"a label with the method apart":              {stack: "keep@/app/a.js:1", label: map[string]string{"http.route": "/api/users/{userId}/carts", "http.method": "delete"}, want: "DELETE /api/users/{id}/carts"},
		"a label of an endpoint without traffic":     {stack: "keep@/app/a.js:1", label: map[string]string{"endpoint": "GET /internal/cron"}, want: "GET /internal/cron"},
		"a route that the caller knows before words": {stack: "keep@/app/a.js:1 < getUserProfile@/app/users/get-user-profile.js:3" + web, o: Options{HandlerRoutes: map[string]string{"getUserProfile": "GET /api/users/{id}"}}, want: "GET /api/users/{id}"},
	} {
		t.Run(name, func(t *testing.T) {
			var ps []record.Profile
			for i := range 8 {
				ps = append(ps, made{container: "a", minute: float64(i), stacks: map[string]float64{c.stack: 10 + 6*float64(i)}, label: c.label}.record(t))
			}
			c.o.Endpoints = routes
			r := run(t, ps, c.o)
			if r.Leading == nil {
				t.Fatalf("nothing leads; %v", r.Heap)
			}
			got := ""
			if r.Leading.Endpoint != nil {
				got = *r.Leading.Endpoint
			}
			if got != c.want {
				t.Errorf("%s is tied to %q, want %q", strings.SplitN(c.stack, "@", 2)[0], got, c.want)
			}
		})
	}
}

func TestWords(t *testing.T) {
	for s, want := range map[string]string{
		"computeParticipantProfile": "compute participant profile", "HTTPServer": "http server", "get-user_profiles.v2": "get user profile",
		"findPaginatedParticipations": "find paginated participation", "companies": "company", "analyses": "analyse", "status": "status", "boxes": "box",
	} {
		if got := strings.Join(words(s), " "); got != want {
			t.Errorf("%s: %q, want %q", s, got, want)
		}
	}
}
