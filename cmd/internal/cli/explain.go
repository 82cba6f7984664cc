package cli

import (
	"fmt"
	"io"
	"strings"

	"lastcall/analyze"
	"lastcall/analyze/finding"
	"lastcall/cmd/internal/prose"

	"github.com/spf13/cobra"
)

func newExplain(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [RULE]",
		Short: "Explain a rule: what it tests, its thresholds, its source; without a rule, list them all",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("explain takes one rule at a time, got %q", args)
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var ids []cobra.Completion
			for _, r := range analyze.Rules() {
				ids = append(ids, cobra.CompletionWithDesc(r.ID, r.Title))
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			rules := analyze.Rules()
			if len(args) == 0 || args[0] == "list" {
				return listRules(a.stdout, rules)
			}
			for _, r := range rules {
				if strings.EqualFold(r.ID, args[0]) {
					return explainRule(a.stdout, r, a.textWidth())
				}
			}
			return usagef("%q is no rule%s\n  `lastcall explain` lists them", args[0], nearRules(rules, args[0]))
		},
	}
}

// textWidth is the width that prose is wrapped at.
func (a *app) textWidth() int {
	if a.out.width > 0 {
		return min(max(a.out.width, 40), 100)
	}
	return 100
}

func listRules(w io.Writer, rules []finding.Rule) error {
	wide := 0
	for _, r := range rules {
		wide = max(wide, len(r.ID))
	}
	for _, r := range rules {
		if _, err := fmt.Fprintf(w, "%-*s  %s\n", wide, r.ID, r.Title); err != nil {
			return err
		}
	}
	return nil
}

func explainRule(w io.Writer, r finding.Rule, width int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.ID, r.Title)
	part := func(name, text string) {
		if text == "" {
			return
		}
		fmt.Fprintf(&b, "\n%s\n%s", name, prose.Wrap(text, "  ", width))
	}
	part("Question", r.Question)
	part("Test", r.Test)
	if len(r.Thresholds) > 0 {
		b.WriteString("\nThresholds\n")
		for _, t := range r.Thresholds {
			b.WriteString(prose.Wrap(t.Name+" = "+t.Value, "  ", width))
			b.WriteString(prose.Wrap(t.Why, "      ", width))
		}
	}
	part("Limits", r.Limits)
	part("Source", r.Source)
	_, err := io.WriteString(w, b.String())
	return err
}

// nearRules names rules that share a word with what was asked for.
func nearRules(rules []finding.Rule, asked string) string {
	var near []string
	words := strings.FieldsFunc(strings.ToLower(asked), func(r rune) bool { return r == '.' || r == '-' || r == '_' })
	for _, r := range rules {
		for _, w := range words {
			if len(w) > 2 && strings.Contains(strings.ToLower(r.ID), w) && len(near) < 4 {
				near = append(near, r.ID)
				break
			}
		}
	}
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(near, " or ") + "?"
}
