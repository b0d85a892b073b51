// A report is the record with what is looked up in it.
function readReport(record) {
  const r = {
    record,
    findings: record.findings ?? [],
    gone: record.gone ?? [],
    edges: record.edges ?? [],
    scores: record.scorecard ?? [],
    exercises: record.policyCoverage ?? [],
    coverage: record.coverage ?? {},
    byFingerprint: new Map(),
    objects: new Map((record.objects ?? []).map((o) => [refKey(o), o])),
    rules: new Map((record.rules ?? []).map((i) => [i.id, i])),
    edgesByFinding: new Map(),
  };
  for (const f of r.findings) r.byFingerprint.set(f.fingerprint, f);
  for (const e of r.edges) for (const f of e.findings ?? []) r.edgesByFinding.set(f, e);
  return r;
}

const fails = (f) => f.kind === "fail" && !f.suppressed;

// namespaceOf is the namespace that a finding concerns; "" if it is the cluster.
const namespaceOf = (f) => (f.subject.kind === "Namespace" ? f.subject.name : f.subject.namespace ?? "");

// percent is how much of what there was to see was seen, as the record's reader
// has it: the least share of flows not lost, nodes that answered, and workloads
// heard of.
function percent(c) {
  if (!c.flows) return 0;
  const shares = [c.flows / (c.flows + (c.lost ?? 0))];
  const answered = (c.nodes ?? []).length;
  const silent = (c.silentNodes ?? []).length;
  if (answered + silent > 0) shares.push(answered / (answered + silent));
  if (c.workloads > 0) shares.push((c.workloads - (c.unheard ?? []).length) / c.workloads);
  return Math.floor(Math.min(...shares) * 100);
}

// exercised counts the rules that traffic has used, of those that it could use.
function exercised(exercises) {
  const counting = exercises.filter((x) => !x.noEffect && x.effect !== "" && x.effect !== "pass");
  return [counting.filter((x) => x.exercised).length, counting.length];
}

function countBy(things, key) {
  const out = new Map();
  for (const t of things) out.set(key(t), (out.get(key(t)) ?? 0) + 1);
  return out;
}
