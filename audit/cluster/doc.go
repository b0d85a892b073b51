// Package cluster tells what is declared: it reads the objects that say
// something about segmentation into an [audit.Inventory].
//
// There are two sources, and one conversion that both use:
//
//   - [Live] asks the API server once, through informers. Nothing is watched
//     any longer than it takes to read it.
//   - [Manifests] reads YAML and JSON: files, folders, standard input.
//
// [Kinds] is the table of what is read. A kind is known by its group and its
// kind together: a ClusterPolicy of kyverno.io is one, that of nvidia.com is not.
//
// # Design
//
// Objects of core kinds become typed objects of k8s.io/api, cut down to the
// fields that are read, and then nouns of package audit. Policies are kept as
// decoded, in [audit.Object.Raw]: what they mean is the matter of others.
//
// All input is hostile. A document or an object that can't be read is a
// problem in the inventory and costs nothing but itself; a kind that can't be
// listed is unreadable, which is not the same as absent.
package cluster
