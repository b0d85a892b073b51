// Package deploy tests what is deployed: the chart, the manifests that are made
// from it, and the lab. Helm's own code lints and renders; a real API server,
// Kyverno's command and Segproof itself judge what comes out.
package deploy
