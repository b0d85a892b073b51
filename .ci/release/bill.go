package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
)

// A bill of materials in SPDX 2.3: what Go itself says that a binary is made of.
type spdx struct {
	Version       string         `json:"spdxVersion"`
	License       string         `json:"dataLicense"`
	ID            string         `json:"SPDXID"`
	Name          string         `json:"name"`
	Namespace     string         `json:"documentNamespace"`
	Creation      creation       `json:"creationInfo"`
	Packages      []pkg          `json:"packages"`
	Relationships []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type pkg struct {
	Name     string     `json:"name"`
	ID       string     `json:"SPDXID"`
	Version  string     `json:"versionInfo"`
	Location string     `json:"downloadLocation"`
	Analyzed bool       `json:"filesAnalyzed"`
	Sums     []checksum `json:"checksums,omitempty"`
	Refs     []ref      `json:"externalRefs"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type ref struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

const document = "SPDXRef-DOCUMENT"

var notOfAnID = regexp.MustCompile(`[^A-Za-z0-9.-]`)

// bill reads a binary. The same binary has the same bill.
func bill(binary, name string) ([]byte, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, fmt.Errorf("read what %s is made of: %w", name, err)
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	d := spdx{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: document, Name: name, Namespace: "https://segproof.dev/spdx/" + name + "-" + sum,
		Creation: creation{epoch.Format("2006-01-02T15:04:05Z"), []string{"Tool: segproof-release"}},
	}
	add := func(path, version, relation, of string) string {
		id := "SPDXRef-" + notOfAnID.ReplaceAllString(path, "-")
		d.Packages = append(d.Packages, pkg{
			Name: path, ID: id, Version: version, Location: "NOASSERTION",
			Refs: []ref{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + path + "@" + version}},
		})
		d.Relationships = append(d.Relationships, relationship{of, relation, id})
		return id
	}
	main := add(info.Main.Path, info.Main.Version, "DESCRIBES", document)
	d.Packages[0].Sums = []checksum{{"SHA256", sum}}
	add("std", info.GoVersion, "DEPENDS_ON", main)
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		add(m.Path, m.Version, "DEPENDS_ON", main)
	}
	out, err := json.MarshalIndent(d, "", " ")
	return append(out, '\n'), err
}
