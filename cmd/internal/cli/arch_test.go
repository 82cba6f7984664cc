package cli

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImportsGoOneWay holds the direction of the house: cmd -> {collectors, analyze, report}; collectors know nothing of
// findings; detectors know neither each other nor a backend; report sees findings only; the two models are leaves. Within the collector of
// files a format knows no other, and what formats share knows none of them. Within the engine what gathers, measures and judges know only
// what came before them.
func TestImportsGoOneWay(t *testing.T) {
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	imports := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		imports[f[0]] = f[1:]
	}
	if len(imports) < 15 {
		t.Fatalf("go list knows only %d packages", len(imports))
	}
	within := func(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }
	// detector packages: those of analyze but the engine, the model, and what is internal or shared by design.
	detector := func(pkg string) bool {
		return within(pkg, "lastcall/analyze") && pkg != "lastcall/analyze" && !within(pkg, "lastcall/analyze/finding") &&
			!within(pkg, "lastcall/analyze/internal")
	}
	const evidence = "lastcall/collectors/evidence/internal/"
	formats := []string{evidence + "containerstats", evidence + "datadogmetrics", evidence + "orchestrator", evidence + "prometheus", evidence + "tables"}
	for _, f := range formats {
		if imports[f] == nil {
			t.Errorf("go list does not know the package of formats %s", f)
		}
	}
	// The layers of the engine, in the order in which evidence goes through them; detectors are asked by some and know none.
	layers := []string{"lastcall/analyze/internal/intake", "lastcall/analyze/internal/naming", "lastcall/analyze/internal/traffic", "lastcall/analyze/internal/verdict"}
	for _, l := range append(layers, "lastcall/analyze") {
		if imports[l] == nil {
			t.Errorf("go list does not know the layer %s", l)
		}
	}
	for pkg, list := range imports {
		for _, imp := range list {
			ours := within(imp, "lastcall")
			var rule string
			switch {
			case within(imp, "github.com/DataDog/datadog-api-client-go/v2/api/datadogV2"):
				rule = "datadogV2 takes 8 GB to compile"
			case within(imp, "github.com/DataDog") && !within(pkg, "lastcall/collectors/datadog"):
				rule = "only collectors/datadog talks to Datadog"
			case within(imp, "github.com/spf13/cobra") && !within(pkg, "lastcall/cmd"):
				rule = "the command line stays in cmd"
			case !ours:
			case pkg == "lastcall/collectors/record", pkg == "lastcall/analyze/finding":
				rule = "the two models are leaves"
			case within(pkg, "lastcall/collectors") && !within(imp, "lastcall/collectors"):
				rule = "collectors observe, they do not conclude"
			case slices.Contains(formats, imp) && pkg != "lastcall/collectors/evidence":
				rule = "formats know neither each other nor are known by what they share"
			case pkg == evidence+"jsonscan" && imp != evidence+"swar", pkg == evidence+"swar":
				rule = "the scanner of JSON knows JSON alone"
			case within(pkg, "lastcall/report") && !within(imp, "lastcall/report") && imp != "lastcall/analyze/finding":
				rule = "a report sees findings, never a sample"
			case within(pkg, "lastcall/analyze") && within(imp, "lastcall/collectors") && !within(imp, "lastcall/collectors/record"):
				rule = "analysis knows no backend"
			case within(pkg, "lastcall/analyze") && (within(imp, "lastcall/report") || within(imp, "lastcall/cmd")):
				rule = "analysis does not format"
			case detector(pkg) && detector(imp) && !within(pkg, imp) && !within(imp, pkg):
				rule = "detectors do not know each other"
			case slices.Contains(layers, imp) && pkg != "lastcall/analyze" && slices.Index(layers, pkg) <= slices.Index(layers, imp):
				rule = "a layer of the engine knows those before it only, and nobody else knows any"
			case pkg == layers[0] && !within(imp, "lastcall/collectors/record") && imp != "lastcall/analyze/endpoint" && imp != "lastcall/analyze/internal/reqlog":
				rule = "gathering asks no detector and judges nothing"
			case pkg == "lastcall/analyze/internal/traffic" && (imp == "lastcall/analyze/heap" || imp == "lastcall/analyze/hang"):
				rule = "measuring asks for lives, and gives open requests and counts to who judges: the other detectors are asked there"
			case pkg == "lastcall/cmd/lastcall" && imp != "lastcall/cmd/internal/cli":
				rule = "main only starts the command line"
			}
			if rule != "" {
				t.Errorf("%s imports %s: %s", pkg, imp, rule)
			}
		}
	}
}
