package heap

import (
	"path"
	"regexp"
	"strings"
)

// codeKind says whose code a function is.
type codeKind uint8

const (
	codeUnknown  codeKind = iota // no file, no telling name: builtins of V8, functions without symbols
	codeUser                     // the user's own
	codeLibrary                  // third party: module cache, node_modules, vendor, well-known frameworks
	codeStandard                 // runtime and standard library
	codePseudo                   // not code: (external), (root), (program)
)

// language is told from the names and files of single functions, because a profile may mix them (a Node process with native
// add-ons, a JVM with libc).
type language uint8

const (
	langUnknown language = iota
	langGo
	langNode
	langJVM
	langNET
	langRust
	langPython
	langRuby
	langNative
)

// classifier tells the user's code from everybody else's.
type classifier struct {
	hints []string
	lang  language // of the profiles as a whole, for functions without a file
	// goModule is the import path prefix of the main module and goRoot its folder, where package main betrays them.
	goModule, goRoot string
}

// newClassifier learns what is common to all functions of the profiles.
func newClassifier(fns []function, hints []string) classifier {
	c := classifier{hints: hints}
	var count [langNative + 1]int
	for _, f := range fns {
		count[languageOf(f.name, f.file)]++
	}
	best := 0
	for l := langGo; l <= langNative; l++ {
		if count[l] > best {
			best, c.lang = count[l], l
		}
	}
	for _, f := range fns {
		if f.name == "main.main" && strings.HasSuffix(f.file, ".go") {
			c.goModule, c.goRoot = mainModule(f.file)
			break
		}
	}
	return c
}

// mainModule guesses the main module from the file that holds main.main: with -trimpath or below a GOPATH the file names the
// import path; otherwise it names the folder of the module, less a trailing cmd/name.
func mainModule(file string) (module, root string) {
	dir := path.Dir(file)
	if dir == "." || strings.HasPrefix(dir, "_") || strings.HasPrefix(dir, "command-line-arguments") {
		return "", "" // a test binary, or a file built by itself
	}
	ip := dir
	if _, after, ok := strings.Cut(dir, "/src/"); ok && strings.Contains(strings.SplitN(after, "/", 2)[0], ".") {
		ip = after
	}
	if !strings.HasPrefix(ip, "/") && !(len(ip) > 1 && ip[1] == ':') { // an import path
		parts := strings.Split(ip, "/")
		n := 1
		if strings.Contains(parts[0], ".") {
			n = 3 // host/owner/repository
		}
		return strings.Join(parts[:min(n, len(parts))], "/"), ""
	}
	if i := strings.LastIndex(dir, "/cmd/"); i > 0 {
		return "", dir[:i]
	}
	return "", strings.TrimSuffix(dir, "/cmd")
}

func languageOf(name, file string) language {
	if file == "" {
		switch {
		case strings.HasPrefix(name, "runtime."), strings.HasPrefix(name, "main."):
			return langGo
		case strings.HasPrefix(name, "java/"), strings.HasPrefix(name, "java."), strings.HasPrefix(name, "jdk."), strings.HasPrefix(name, "org.springframework."):
			return langJVM
		case strings.HasPrefix(name, "System."), strings.Contains(name, "!System."):
			return langNET
		case strings.HasPrefix(name, "core::"), strings.HasPrefix(name, "alloc::"), strings.HasPrefix(name, "tokio::"):
			return langRust
		}
		return langUnknown
	}
	if strings.HasPrefix(file, "node:") {
		return langNode
	}
	switch strings.ToLower(path.Ext(file)) {
	case ".go", ".s":
		return langGo
	case ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx", ".jsx", ".vue", ".svelte":
		return langNode
	case ".java", ".kt", ".scala", ".groovy", ".clj":
		return langJVM
	case ".cs", ".fs", ".vb":
		return langNET
	case ".rs":
		return langRust
	case ".py":
		return langPython
	case ".rb":
		return langRuby
	case ".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".so", ".dylib":
		return langNative
	}
	return langUnknown
}

// classify returns whose code a function is.
func (c *classifier) classify(name, file string) codeKind {
	if isPseudo(name) && file == "" {
		return codePseudo
	}
	lang := languageOf(name, file)
	if lang == langUnknown {
		lang = c.lang
	}
	if len(c.hints) > 0 {
		for _, h := range c.hints {
			if h != "" && (strings.HasPrefix(name, h) || hasFolder(file, h)) && !vendored(file) {
				return codeUser
			}
		}
		if k := c.convention(lang, name, file); k != codeUser {
			return k
		}
		if lang == langGo && strings.HasPrefix(name, "main.") {
			return codeUser
		}
		return codeLibrary
	}
	return c.convention(lang, name, file)
}

// hasFolder reports whether file lies in folder h ("/app/src", "src/").
func hasFolder(file, h string) bool {
	h = strings.TrimSuffix(h, "/")
	return strings.HasPrefix(file, h+"/") || file == h
}

func isPseudo(name string) bool {
	switch name {
	case "(external)", "(root)", "(program)", "(garbage collector)", "(idle)", "(V8 API)", "(BYTECODE_COMPILER)", "(GC)", "(EXTERNAL)", "(COMPILER)", "(PARSER)", "(JS)", "(OTHER)", "(IDLE)", "[unknown]":
		return true
	}
	return false
}

// vendored reports whether a file belongs to somebody else by where it lies, in any language.
func vendored(file string) bool {
	return versioned.MatchString(file) || vendorFolders.MatchString(file)
}

var (
	// versioned matches a Go module cache path or a -trimpath file of a dependency: host.tld/owner/name@v1.2.3/file.go.
	versioned     = regexp.MustCompile(`@v\d+\.\d+\.\d+[^/]*/`)
	vendorFolders = regexp.MustCompile(`(^|/)(node_modules|\.pnpm|\.yarn|pkg/mod|vendor|third_party|site-packages|dist-packages|\.cargo/registry|\.cargo/git|gems|bower_components|jspm_packages)/|(^|/)external/[a-z]+_`)
	nodeInternal  = regexp.MustCompile(`^(node:|internal/|native |evalmachine|wasm:|\[eval\]|electron/)`)
	rustStd       = regexp.MustCompile(`(^|/)rustc/[0-9a-f]+/|/\.rustup/|^library/(std|core|alloc)/`)
	rustCrate     = regexp.MustCompile(`^<?&?(mut )?(std|core|alloc|tokio|hyper|h2|tower|axum|actix|actix_web|serde|serde_json|futures|futures_util|bytes|rayon|mio|tracing|prost|tonic|reqwest|hashbrown|crossbeam|je_|__rust|_rjem_)[a-z_]*(::|_|$)`)
	pythonStd     = regexp.MustCompile(`(^|/)lib(64)?/python\d|^<frozen |^<`)
	rubyStd       = regexp.MustCompile(`(^|/)lib/ruby/|^<internal:`)
	jvmLibrary    = regexp.MustCompile(`^(java|javax|jdk|sun|com\.sun|jakarta|kotlin|kotlinx|scala|groovy|clojure)\.`)
	jvmFramework  = regexp.MustCompile(`^(org\.(springframework|apache|eclipse|hibernate|jboss|slf4j|postgresql|mariadb|mongodb|elasticsearch|xerial|jooq|aspectj|objectweb|glassfish|junit|mockito|bouncycastle|reactivestreams)|io\.(netty|undertow|micrometer|grpc|quarkus|micronaut|vertx|projectreactor|opentelemetry|prometheus|lettuce|smallrye|swagger|jsonwebtoken)|com\.(fasterxml|zaxxer|google\.(common|protobuf|gson|inject)|mysql|oracle|microsoft|datadog|amazonaws|squareup|github\.benmanes|netflix|newrelic|mongodb|rabbitmq|ibm|typesafe)|reactor|ch\.qos|okhttp3|okio|datadog|redis\.clients|net\.bytebuddy|akka|software\.amazon|feign|freemarker|rx)\.`)
	netLibrary    = regexp.MustCompile(`^(System|Microsoft|Internal|Interop|MS|Newtonsoft|Npgsql|MySql|MySqlConnector|Dapper|Serilog|NLog|AutoMapper|MediatR|Polly|StackExchange|Grpc|Google|Datadog|OpenTelemetry|Castle|FluentValidation|RabbitMQ|MassTransit|Hangfire|Swashbuckle)[.` + "`" + `]`)
	nativeRuntime = regexp.MustCompile(`^(_?_?libc_|malloc$|calloc$|realloc$|operator new|_Zn|je_|tc_|__GI_|std::|boost::|v8::|node::|uv_|_start$|clone$|start_thread$)`)
	jvmLambda     = regexp.MustCompile(`^(lambda\$|\$Proxy|CGLIB)`)
)

// goStandard are the first path elements of the standard library (go list std), and the runtime's names in C and assembly.
var goStandard = wordSet("archive bufio bytes cmp compress container context crypto database debug embed encoding errors expvar flag fmt go hash html image index internal io iter log maps math mime net os path plugin reflect regexp runtime slices sort strconv strings structs sync syscall testing text time unicode unique unsafe vendor weak type cgo _cgo")

func wordSet(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

// convention classifies by the customs of the language.
func (c *classifier) convention(lang language, name, file string) codeKind {
	switch lang {
	case langGo:
		return c.goCode(name, file)
	case langNode:
		return nodeCode(file)
	case langJVM:
		return jvmCode(name)
	case langNET:
		return netCode(name)
	case langRust:
		return rustCode(name, file)
	case langPython:
		return scriptCode(file, pythonStd)
	case langRuby:
		return scriptCode(file, rubyStd)
	}
	return nativeCode(name, file)
}

func nodeCode(file string) codeKind {
	switch {
	case file == "":
		return codeUnknown
	case nodeInternal.MatchString(file):
		return codeStandard
	case vendored(file):
		return codeLibrary
	}
	return codeUser
}

func jvmCode(name string) codeKind {
	n := strings.ReplaceAll(name, "/", ".")
	switch {
	case jvmLibrary.MatchString(n):
		return codeStandard
	case jvmFramework.MatchString(n):
		return codeLibrary
	case !strings.Contains(n, ".") || strings.Contains(n, "::") || strings.ContainsAny(n, " ["), jvmLambda.MatchString(n):
		return codeUnknown // native frames of the JVM
	}
	return codeUser
}

func netCode(name string) codeKind {
	if i := strings.IndexByte(name, '!'); i >= 0 {
		if netLibrary.MatchString(name[:i] + ".") {
			return codeStandard
		}
		name = name[i+1:]
	}
	switch {
	case netLibrary.MatchString(name):
		return codeStandard
	case !strings.Contains(name, "."):
		return codeUnknown
	}
	return codeUser
}

func rustCode(name, file string) codeKind {
	switch {
	case rustStd.MatchString(file), file == "" && rustCrate.MatchString(name), strings.HasPrefix(name, "__rust"):
		return codeStandard
	case vendored(file), rustCrate.MatchString(name):
		return codeLibrary
	case file == "" && !strings.Contains(name, "::"):
		return codeUnknown
	}
	return codeUser
}

// scriptCode classifies functions of Python and Ruby, whose own have no file or one of the standard library.
func scriptCode(file string, standard *regexp.Regexp) codeKind {
	switch {
	case vendored(file):
		return codeLibrary
	case file == "" || standard.MatchString(file):
		return codeStandard
	}
	return codeUser
}

func nativeCode(name, file string) codeKind {
	switch {
	case vendored(file):
		return codeLibrary
	case nativeRuntime.MatchString(name):
		return codeStandard
	case file == "":
		// Legacy profiles have names only. A name is better than nothing, an address is not.
		if strings.Contains(name, "0x") || name == "(anonymous)" {
			return codeUnknown
		}
		return codeUser
	case strings.HasPrefix(file, "/usr/lib/"), strings.HasPrefix(file, "/usr/include/"), strings.HasPrefix(file, "/build/glibc"):
		return codeStandard
	}
	return codeUser
}

func (c *classifier) goCode(name, file string) codeKind {
	pkg := goPackage(name)
	if pkg == "main" {
		return codeUser
	}
	first, _, _ := strings.Cut(pkg, "/")
	switch {
	case c.goModule != "" && (pkg == c.goModule || strings.HasPrefix(pkg, c.goModule+"/")):
		if vendored(file) {
			return codeLibrary
		}
		return codeUser
	case vendored(file), strings.Contains(pkg, "/vendor/"):
		if first == "vendor" || goStandard[first] {
			return codeStandard
		}
		return codeLibrary
	case goStandard[first], strings.HasPrefix(name, "_cgo"), strings.HasPrefix(file, "/usr/local/go/src/"):
		return codeStandard
	case c.goRoot != "" && hasFolder(file, c.goRoot):
		return codeUser
	case file == "" && thirdPartyHosts[first]:
		return codeLibrary
	case c.goModule != "" && strings.Contains(first, "."):
		return codeLibrary // the main module is known, and this is another
	case !strings.Contains(name, "."):
		return codeStandard // assembly: memmove, cgocall
	}
	return codeUser
}

// thirdPartyHosts host libraries, mostly; used only where a profile names no files.
var thirdPartyHosts = wordSet("golang.org google.golang.org gopkg.in go.uber.org k8s.io go.opentelemetry.io cloud.google.com sigs.k8s.io")

// goPackage returns the import path in a Go function name: "net/http" of "net/http.(*conn).serve".
func goPackage(name string) string {
	// Type parameters may hold slashes and dots: cut them first.
	if i := strings.IndexByte(name, '['); i > 0 {
		name = name[:i]
	}
	i := strings.LastIndexByte(name, '/')
	if j := strings.IndexByte(name[i+1:], '.'); j >= 0 {
		// A dot in the last element of an import path is written %2e.
		return strings.ReplaceAll(name[:i+1+j], "%2e", ".")
	}
	return name
}

// dispatchGo are packages of the standard library that call handlers: what they call begins a new responsibility.
var dispatchGo = wordSet("net/http net/rpc net/http/httputil testing")

// dispatchManaged matches what hands over control in the standard libraries of the JVM and .NET: threads, pools, reflection.
var dispatchManaged = regexp.MustCompile(`^(java[./]lang[./](Thread|reflect)|java[./]util[./]concurrent|jdk[./]internal[./]reflect|(javax|jakarta)[./]servlet|System\.Threading\.|System\.Reflection\.)`)

// dispatches reports whether a frame that is not the user's hands control to handlers or jobs, so that the user's code on
// either side of it is not one piece of work. Builtins that take a callback (map, forEach, slices.SortFunc, sync.Once) do not.
func (c *classifier) dispatches(f function) bool {
	switch f.code {
	case codeLibrary:
		return true
	case codeStandard:
		switch languageOf(f.name, f.file) {
		case langGo:
			return dispatchGo[goPackage(f.name)]
		case langNode: // module loading, timers, event emitters
			return true
		}
		return dispatchManaged.MatchString(f.name)
	}
	return false
}

// cleanFile makes the file of a function readable and comparable: no file:// scheme, no query that bundlers add.
func cleanFile(file string) string {
	file = strings.TrimPrefix(file, "file://")
	if i := strings.IndexByte(file, '?'); i > 0 {
		file = file[:i]
	}
	return strings.ReplaceAll(file, `\`, "/")
}

var anonymousPosition = regexp.MustCompile(`^\(anonymous:L#(\d+):C#(\d+)\)$`)

// anonymous reports whether a function has no name of its own.
func anonymous(name string) bool {
	return name == "" || name == "(anonymous)" || name == "<anonymous>" || name == "anonymous" || anonymousPosition.MatchString(name)
}
