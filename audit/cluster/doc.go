// Package cluster tells what is declared: it reads the objects that say
// something about segmentation into an [audit.Inventory].
//
// There are three sources, and one conversion that all use:
//
//   - [Follower] follows an API server through informers, and remembers what was
//     declared before.
//   - [Live] is a Follower that ends as soon as everything was read once.
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
// Informers convert as objects arrive, and keep nothing but the nouns, which share
// what they have in common: a pod costs less than a kilobyte.
//
// A Follower never claims to know what it has not heard: a kind whose list is
// refused, or whose watch is broken for two minutes, is unreadable from then on,
// although what is known of it is still told. Informers hide such things, so the
// transport listens to what the API server answers. Of a change that a broken
// watch has missed and that has no time of its own, the epoch is unsure.
//
// All input is hostile. A document or an object that can't be read is a
// problem in the inventory and costs nothing but itself; a kind that can't be
// listed is unreadable, which is not the same as absent.
package cluster
