package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/config"
	"github.com/segproof/segproof/reporters/defectdojo"
	"github.com/segproof/segproof/reporters/github"
	"github.com/segproof/segproof/reporters/sarif"
)

// newSarif is SARIF as the configuration wants it, for a file or for an upload.
func newSarif(s streams, cfg *config.Config, baseline bool) (sarif.Reporter, error) {
	root, err := filepath.Abs(cfg.Sarif.SourceRoot)
	if err != nil {
		return sarif.Reporter{}, fmt.Errorf("find the working folder: %w", err)
	}
	return sarif.Reporter{
		W: s.out, Root: root, Baseline: baseline, Parts: cfg.Sarif.Parts, EvidenceDir: cfg.Sarif.EvidenceDir,
		IncludeSuppressed: cfg.Sarif.IncludeSuppressed, Log: newLog(s.err, false),
	}, nil
}

// wireUploads builds those who send SARIF to dashboards, by the names under which
// they are told. In GitHub Actions the ref and the commit are known.
func wireUploads(s streams, cfg *config.Config) (map[string]audit.Reporter, error) {
	to := map[string]audit.Reporter{}
	doc, err := newSarif(s, cfg, false)
	if err != nil {
		return nil, err
	}
	if g := cfg.Upload.Github; g.Enabled() {
		token, err := config.ReadSecret(g.TokenFile)
		if err != nil {
			return nil, usage("github: %w", err)
		}
		of := doc
		of.Category = g.Category
		to["github"], err = github.New(github.Options{
			Repository: g.Repository, Ref: cmp.Or(g.Ref, os.Getenv("GITHUB_REF")), Commit: cmp.Or(g.Commit, os.Getenv("GITHUB_SHA")),
			Token: github.Secret(token), API: g.API, Documents: of.Documents,
		})
		if err != nil {
			return nil, usage("%w", err)
		}
	}
	if d := cfg.Upload.Defectdojo; d.Enabled() {
		token, err := config.ReadSecret(d.TokenFile)
		if err != nil {
			return nil, usage("defectdojo: %w", err)
		}
		to["defectdojo"], err = defectdojo.New(defectdojo.Options{
			URL: d.URL, Product: d.Product, Engagement: d.Engagement, Test: d.Test, Token: defectdojo.Secret(token), Document: doc.Document,
		})
		if err != nil {
			return nil, usage("%w", err)
		}
	}
	return to, nil
}
