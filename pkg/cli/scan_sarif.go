package cli

import (
	"net/url"
	"path/filepath"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// The part of SARIF 2.1.0 (OASIS) that is written.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string       `json:"id"`
		ShortDescription sarifMessage `json:"shortDescription"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID     string          `json:"ruleId"`
		RuleIndex  int             `json:"ruleIndex"`
		Level      string          `json:"level"`
		Message    sarifMessage    `json:"message"`
		Locations  []sarifLocation `json:"locations"`
		Properties sarifProperties `json:"properties"`
	}
	sarifProperties struct {
		Severity scan.Severity `json:"severity"`
		Excerpt  string        `json:"excerpt,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifLogical struct {
		Name               string `json:"name"`
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
)

// sarif is the report for code scanning. A place is the definition's kind and name, and the JSON pointer within it.
func (r *scanReport) sarif() sarifLog {
	driver := sarifDriver{Name: "mcpproxy-stdio", Version: Version(), Rules: []sarifRule{}}
	indices := map[string]int{}
	for i, rule := range scan.Rules {
		indices[rule.ID] = i
		driver.Rules = append(driver.Rules, sarifRule{rule.ID, sarifMessage{rule.Meaning}})
	}
	results := []sarifResult{}
	for _, item := range r.Items {
		for _, f := range item.Findings {
			results = append(results, sarifResult{
				RuleID: f.Rule, RuleIndex: indices[f.Rule], Level: sarifLevel(f.Severity),
				Message: sarifMessage{plain(item.title() + ": " + f.Message)},
				Locations: []sarifLocation{{
					Physical: sarifPhysical{sarifArtifact{r.uri()}},
					Logical:  []sarifLogical{{Name: plain(item.Name), FullyQualifiedName: plain(item.Kind + "/" + item.Name + "#" + f.Place), Kind: "value"}},
				}},
				Properties: sarifProperties{f.Severity, f.Excerpt},
			})
		}
	}
	return sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{{sarifTool{driver}, results}}}
}

// uri names what was scanned: a file by its path, a server by a URI of its own.
func (r *scanReport) uri() string {
	switch {
	case r.server:
		return (&url.URL{Scheme: "mcp-server", Opaque: url.PathEscape(r.Source)}).String()
	case r.Source == "-":
		return "stdin"
	}
	return (&url.URL{Path: filepath.ToSlash(r.Source)}).String()
}

func sarifLevel(s scan.Severity) string {
	switch {
	case s >= scan.High:
		return "error"
	case s == scan.Medium:
		return "warning"
	}
	return "note"
}
