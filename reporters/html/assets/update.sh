#!/bin/sh
# Takes the graph library from npm, as package-lock.json says, checksum and all.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp package.json package-lock.json "$tmp"
(cd "$tmp" && npm ci --ignore-scripts --no-audit --no-fund --silent)
cp "$tmp/node_modules/cytoscape/dist/cytoscape.min.js" cytoscape.min.js
