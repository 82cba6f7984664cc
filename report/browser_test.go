package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"lastcall/analyze/finding"
)

var screenshots = flag.String("screenshots", "", "folder to which the browser tests write pictures of the pages")

// browser runs a page in headless Chromium and returns its DOM after the scripts have run, what it wrote to the console, and
// the hosts it asked for.
func browser(t *testing.T, page string, extra ...string) (dom string, console, hosts []string) {
	t.Helper()
	if testing.Short() {
		t.Skip("no browser with -short")
	}
	bin := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			bin = p
			break
		}
	}
	if bin == "" {
		t.Skip("no Chromium on this machine: install it to run the browser tests")
	}
	// Whatever leaves the page goes through this proxy, which answers nothing and remembers whom it was asked for.
	var mu sync.Mutex
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		hosts = append(hosts, r.Host)
		mu.Unlock()
		w.WriteHeader(http.StatusForbidden)
	}))
	defer proxy.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	profile, err := os.MkdirTemp("", "lastcall-browser") //nolint:usetesting // the browser may write into it a moment after it has ended
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) })
	args := append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir=" + profile, "--proxy-server=" + proxy.URL, "--proxy-bypass-list=<-loopback>", "--enable-logging=stderr", "--window-size=1280,1600", "--virtual-time-budget=1500"}, extra...)
	cmd := exec.CommandContext(ctx, bin, append(args, "--dump-dom", (&url.URL{Scheme: "file", Path: file}).String())...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%.2000s", bin, err, errOut.String())
	}
	for l := range strings.Lines(errOut.String()) {
		if strings.Contains(l, ":CONSOLE") {
			console = append(console, strings.TrimSpace(l))
		}
	}
	mu.Lock()
	defer mu.Unlock()
	return out.String(), console, append([]string{}, hosts...)
}

// ownHost matches the services that Chromium itself calls at its start.
var ownHost = regexp.MustCompile(`(^|\.)(google|googleapis|gvt1|gstatic|google-analytics|googleusercontent)\.com(:\d+)?$`)

func checkQuiet(t *testing.T, console, hosts []string) {
	t.Helper()
	for _, l := range console {
		t.Errorf("console: %s", l)
	}
	for _, h := range hosts {
		if !ownHost.MatchString(h) {
			t.Errorf("the page asked for %s", h)
		}
	}
}

func TestPageInBrowser(t *testing.T) {
	page := write(t, burstReport(), Options{Format: HTML, Location: cet, Version: "1.2.3"})
	dom, console, hosts := browser(t, page)
	checkQuiet(t, console, hosts)
	for what, want := range map[string]int{
		`<html lang="en" class="js">`:                            1, // the script ran to its first line at least
		`<svg class="chart lanes"`:                               1,
		`class="crash"`:                                          4,
		`aria-label="Growth of the heap: +87.0 MiB, to 126 MiB"`: 1,
	} {
		if n := strings.Count(dom, what); n != want {
			t.Errorf("%d times %s, want %d", n, what, want)
		}
	}
	if !strings.Contains(dom, `<button type="button">Container</button>`) {
		t.Error("tables cannot be sorted: the script did not run to its end")
	}
	if *screenshots != "" {
		takeScreenshots(t, page)
	}
}

// takeScreenshots is for people.
func takeScreenshots(t *testing.T, page string) {
	t.Helper()
	dir, err := filepath.Abs(*screenshots)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"light": {"--window-size=1280,1800"}, "dark": {"--window-size=1280,1800", "--blink-settings=preferredColorScheme=0"}, "narrow": {"--window-size=400,1600"},
	} {
		browser(t, page, append(args, "--hide-scrollbars", "--screenshot="+filepath.Join(dir, name+".png"))...)
	}
}

func TestHostilePageInBrowser(t *testing.T) {
	page := withScript(t, write(t, hostileReport(4), Options{Format: HTML, NoRedact: true}), `
		var r = document.createElement("pre"); r.id = "result";
		r.textContent = JSON.stringify({hacked: window.hacked === 1, images: document.images.length, links: Array.from(document.links).filter(function (a) { return a.getAttribute("href")[0] !== "#"; }).length,
			handlers: document.querySelectorAll("[onload],[onerror],[onmouseover],[onfocus]").length, bold: document.querySelectorAll("b,i,a[href^='javascript']").length});
		document.body.appendChild(r);`)
	dom, console, hosts := browser(t, page)
	checkQuiet(t, console, hosts)
	var got map[string]any
	if err := json.Unmarshal([]byte(result(t, dom)), &got); err != nil {
		t.Fatal(err)
	}
	for k, v := range got {
		if v != false && v != 0.0 {
			t.Errorf("%s: %v", k, v)
		}
	}
}

// withScript adds a test's own script to a page, and its hash to the policy of the page.
func withScript(t *testing.T, page, script string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(script))
	const mark = "script-src "
	if strings.Count(page, mark) != 1 || strings.Count(page, "</body>") != 1 {
		t.Fatal("the page is not as this test knows it")
	}
	page = strings.Replace(page, mark, mark+"'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"' ", 1)
	return strings.Replace(page, "</body>", "<script>"+script+"</script></body>", 1)
}

var resultElement = regexp.MustCompile(`(?s)<pre id="result">(.*?)</pre>`)

func result(t *testing.T, dom string) string {
	t.Helper()
	m := resultElement.FindStringSubmatch(dom)
	if m == nil {
		t.Fatalf("the test's script did not come to its end")
	}
	return html.UnescapeString(m[1])
}

// largeReport has as much to draw as ten million requests leave: more than is ever drawn.
func largeReport() *finding.Report {
	r := burstReport()
	limit := int64(512 * mib)
	for c := range 60 {
		s := finding.Series{Container: fmt.Sprintf("extra-%d", c), Metric: "rss", LimitBytes: &limit}
		for i := range 5000 {
			s.Points = append(s.Points, finding.Point{T: at(time.Duration(i) * 540 * time.Millisecond), V: (150 + 80*noise(c*5000+i)) * mib})
		}
		r.Charts.Memory = append(r.Charts.Memory, s)
		for i := range 2000 {
			r.Charts.Requests = append(r.Charts.Requests, finding.Bar{Container: s.Container, Endpoint: "GET /x", Role: finding.Bystander, Start: at(time.Duration(noise(i+c) * float64(45*time.Minute))), Seconds: noise(i), Outcome: "answered"})
		}
	}
	var grow func(depth, width int, name string) *finding.Flame
	grow = func(depth, width int, name string) *finding.Flame {
		f := &finding.Flame{Name: name, File: "/app/x.go"}
		if depth == 0 {
			f.Value, f.Delta = 1000, 700
			return f
		}
		for i := range width {
			c := grow(depth-1, width, fmt.Sprintf("%s.%d", name, i))
			f.Children = append(f.Children, c)
			f.Value += c.Value
			f.Delta += c.Delta
		}
		return f
	}
	r.Charts.Flame.Children = append(r.Charts.Flame.Children, grow(5, 8, "main.f"))
	return r
}

func TestLargestPageStaysSmallAndSaysWhatItLeftOut(t *testing.T) {
	began := time.Now()
	page := write(t, largeReport(), Options{Format: HTML})
	if len(page) > 6<<20 {
		t.Errorf("%d bytes", len(page))
	}
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("it took %s to write", d)
	}
	if n := strings.Count(page, `<rect class="q q-`); n > 2*maxBars {
		t.Errorf("%d bars", n)
	}
	for _, want := range []string{"40 of 68 containers are drawn", "4,000 of 120,692 requests are drawn", "thinned out", "frames are too small to draw"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestPageCanBeUsedInBrowser zooms, hovers, sorts and searches in the largest page.
func TestPageCanBeUsedInBrowser(t *testing.T) {
	page := withScript(t, write(t, largeReport(), Options{Format: HTML}), `
(function () {
	var out = {}, began = performance.now();
	function hover(el, x, y) { el.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX: x, clientY: y })); }
	function middle(el) { var r = el.getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; }
	var tip = document.getElementById("tip"), main = document.querySelector("svg.lanes"), plot = main.querySelector("svg.plot");
	out.allTicks = main.querySelectorAll(".ticks text").length;
	var before = plot.getAttribute("viewBox"), tick = main.querySelector(".ticks text").textContent;
	var button = Array.from(document.querySelectorAll("[data-view]")).find(function (b) { return b.textContent === "c1 web-1"; });
	button.click();
	out.zoomed = plot.getAttribute("viewBox") !== before && main.querySelector(".ticks text").textContent !== tick;
	out.latencyFollows = document.querySelectorAll("svg[data-zoom] svg.plot[viewBox='" + plot.getAttribute("viewBox").replace(/ \S+$/, "") + " 180']").length === 1;
	out.labels = Array.from(main.querySelectorAll("text.crash")).map(function (l) { return l.getAttribute("visibility"); }).join(" ");
	var bar = Array.from(main.querySelectorAll("rect.q-culprit")).find(function (b) { return b.getBoundingClientRect().width > 40; }), p = middle(bar);
	hover(bar, p[0], p[1]);
	out.barTip = tip.hidden ? "" : tip.textContent;
	var bg = main.querySelector("rect.bg"), q = bg.getBoundingClientRect();
	hover(bg, q.left + q.width / 4, q.top + 20);
	out.memoryTip = tip.hidden ? "" : tip.textContent;
	document.querySelector("[data-view='0 1000']").click();
	out.reset = plot.getAttribute("viewBox") === before;
	// A drag over a quarter of the picture.
	var r = bg.getBoundingClientRect();
	main.setPointerCapture = function () {};
	main.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true, button: 0, pointerId: 1, clientX: r.left + r.width * 0.25, clientY: r.top + 10 }));
	main.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, pointerId: 1, clientX: r.left + r.width * 0.5, clientY: r.top + 10 }));
	main.dispatchEvent(new PointerEvent("pointerup", { bubbles: true, pointerId: 1, clientX: r.left + r.width * 0.5, clientY: r.top + 10 }));
	out.dragged = plot.getAttribute("viewBox").split(" ").slice(0, 3).map(Math.round).join(" ");
	main.dispatchEvent(new MouseEvent("dblclick", { bubbles: true }));
	var table = document.querySelector("#suspects table.sortable:last-of-type");
	table = Array.from(document.querySelectorAll("#suspects table.sortable")).pop();
	var col = Array.from(table.querySelectorAll("th")).findIndex(function (th) { return th.textContent === "Requests"; });
	var cells = function () { return Array.from(table.tBodies[0].rows).map(function (tr) { return +tr.cells[col].dataset.v; }); };
	table.querySelectorAll("th button")[col].click();
	var up = cells();
	table.querySelectorAll("th button")[col].click();
	var down = cells();
	out.sorted = up.length > 5 && up.every(function (v, i) { return i === 0 || up[i - 1] <= v; }) && down.every(function (v, i) { return i === 0 || down[i - 1] >= v; });
	out.ariaSort = table.querySelectorAll("th")[col].getAttribute("aria-sort");
	var field = document.getElementById("flame-search");
	field.value = "computeparticipant"; field.dispatchEvent(new Event("input"));
	out.found = document.getElementById("flame-found").textContent;
	out.hits = document.querySelectorAll(".flame .hit").length;
	var frame = document.querySelector(".flame .hit"), w = +frame.querySelector("rect").getAttribute("width");
	frame.dispatchEvent(new MouseEvent("click", { bubbles: true }));
	out.frameWide = w < 1159 && +frame.querySelector("rect").getAttribute("width") > 1159;
	out.resetShown = !document.querySelector(".flame .freset").hasAttribute("display");
	document.querySelector(".flame .freset").dispatchEvent(new MouseEvent("click", { bubbles: true }));
	out.frameBack = Math.abs(+frame.querySelector("rect").getAttribute("width") - w) < 1;
	out.millis = Math.round(performance.now() - began);
	var pre = document.createElement("pre"); pre.id = "result"; pre.textContent = JSON.stringify(out); document.body.appendChild(pre);
})();`)
	dom, console, hosts := browser(t, page)
	checkQuiet(t, console, hosts)
	var got struct {
		AllTicks                                                                int
		Zoomed, LatencyFollows, Reset, Sorted, FrameWide, ResetShown, FrameBack bool
		Labels, BarTip, MemoryTip, Dragged, AriaSort, Found                     string
		Hits                                                                    int
		Millis                                                                  int
	}
	if err := json.Unmarshal([]byte(result(t, dom)), &got); err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", got)
	for what, ok := range map[string]bool{
		"there are marks on the time axis": got.AllTicks >= 3,
		"a button zooms in on its crash":   got.Zoomed,
		"the latency follows":              got.LatencyFollows,
		"only that crash is labelled":      got.Labels == "visible hidden hidden hidden",
		"a bar tells its evidence":         strings.Contains(got.BarTip, exportEndpoint) && strings.Contains(got.BarTip, "router.log:"),
		"the memory is read out":           strings.HasPrefix(got.MemoryTip, "web-1, 13:4") && strings.Contains(got.MemoryTip, "RSS 1") && strings.Contains(got.MemoryTip, "% of 400 MiB"),
		"the view goes back to all":        got.Reset,
		"dragging zooms":                   got.Dragged == "250 0 250",
		"a table sorts both ways":          got.Sorted && got.AriaSort == "descending",
		"the flame graph is searched":      got.Hits == 1 && strings.HasPrefix(got.Found, "1 frame, "),
		"a frame is zoomed in on":          got.FrameWide && got.ResetShown,
		"and out":                          got.FrameBack,
		"all of it within two seconds":     got.Millis < 2000,
	} {
		if !ok {
			t.Errorf("not so: %s", what)
		}
	}
}
