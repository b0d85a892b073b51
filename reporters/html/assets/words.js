// The words of the record, as they are said to a person. A word that is not here
// is said as it is: records may be newer than the page.

const severities = ["critical", "high", "medium", "low", "info"];

// From the least to the most that is known to hold; contradicted beats all.
const layerStates = ["contradicted", "not covered", "declared", "enforced", "proven"];
const layerSigns = { contradicted: "✗", "not covered": "○", declared: "◔", enforced: "◑", proven: "✓" };
const layerMeans = {
  contradicted: "what is declared does not hold",
  "not covered": "nothing is declared, or nothing can be seen",
  declared: "written down; whether it is enforced was not seen",
  enforced: "seen to be in force, though not put to the test",
  proven: "seen refusing what is denied, and carrying only what is allowed",
};
const layers = [
  ["admission", "Admission"], ["network", "Network (L3/L4)"], ["l7", "Layer 7"], ["observability", "Observability"],
];

// The worst first: an arrow that stands for many has the state of its worst.
const edgeStates = ["contradicted", "refused", "unjudged", "carried", "unseen"];
const edgeMeans = {
  contradicted: "denied, and carried all the same",
  refused: "denied, and dropped",
  unjudged: "carried, and held against nothing",
  carried: "allowed, and carried",
  unseen: "allowed, and never seen",
};

const answers = { allow: "Allows", deny: "Denies", undetermined: "Can’t be told" };
const reasons = {
  "allowed-by-rule": "a rule allows it",
  "denied-by-rule": "a rule denies it",
  "default-deny": "no rule allows it, and a policy isolates this end",
  "not-isolated": "no policy isolates this end",
  "l7-denied": "allowed as far as the proxy, which refuses",
  "auth-required": "a rule allows it, and asks for an authentication that always fails",
  "local-host": "a node may always reach its own pods",
  unknown: "it is not known why",
};
const outcomes = {
  contradicted: "It was carried all the same: what is declared does not hold.",
  "audit-only": "It would have been dropped, and audit mode let it pass.",
  refused: "It was dropped: as declared, but perhaps a gap.",
  proven: "It was dropped, as intended.",
  used: "It was carried, as declared.",
  withheld: "The evidence is not enough to judge by.",
};
const effects = { allow: "allows", deny: "denies", pass: "passes on", isolate: "isolates", "": "as a whole" };

const refName = (r) =>
  !r ? "" : r.kind === "Entity" ? r.name : r.namespace ? `${r.kind} ${r.namespace}/${r.name}` : `${r.kind} ${r.name}`;
// shortName leaves out the kind, where the place says that it is a workload.
const shortName = (r) => (r.namespace ? `${r.namespace}/${r.name}` : r.kind === "Entity" ? r.name : refName(r));
const refKey = (r) => `${r.kind}/${r.namespace ?? ""}/${r.name}`;
const place = (l) => (l?.file ? l.file + (l.line ? ":" + l.line : "") : "");

// chip is a word that has a colour, a sign besides it, and so needs no colour.
const chip = (kind, word, sign) => el("span", { class: "chip " + kind.replace(/[^a-z]/g, "-") }, sign && [el("span", { "aria-hidden": "true" }, sign + " ")], word);
const layerChip = (state) => chip("layer-" + state, state, layerSigns[state]);
const severityChip = (s) => chip("severity-" + s, s);
const edgeChip = (s) => chip("edge-" + s, s);
