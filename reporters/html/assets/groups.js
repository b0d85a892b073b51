// What is drawn on the map: workloads in groups, one for each namespace and one
// for what is outside; a group that is folded stands for all in it.

const mostUnfolded = 60; // workloads; where there are more, groups begin folded
const outside = "out";

function groupOf(ref) {
  if (ref.kind === "CIDR" || ref.kind === "FQDN") return outside;
  return ref.namespace ? "ns/" + ref.namespace : "";
}

// parseRef reads what a coverage list says of a workload: kind namespace/name.
function parseRef(text) {
  const m = /^(\S+) ([^/\s]+)\/(.+)$/.exec(text);
  return m && { kind: m[1], namespace: m[2], name: m[3] };
}

// drawing is everything that the map could show, whatever is folded.
function drawing(r) {
  const members = new Map(); // group → workloads by key
  const loose = new Map(); // ends that are in no group
  const add = (ref, unheard) => {
    const g = groupOf(ref);
    const to = g ? members.get(g) ?? members.set(g, new Map()).get(g) : loose;
    if (!to.has(refKey(ref))) to.set(refKey(ref), { ref, unheard });
  };
  for (const e of r.edges) {
    add(e.from);
    add(e.to);
  }
  for (const u of r.coverage.unheard ?? []) {
    const ref = parseRef(u);
    if (ref) add(ref, true);
  }
  let workloads = 0;
  for (const m of members.values()) workloads += m.size;
  return { edges: r.edges, members, loose, folds: workloads > mostUnfolded };
}

// unfoldedGroups are those that the address says are open; without a word of
// the address it is all of them on a small map, and none on a large one.
function unfoldedGroups(d) {
  const said = address.list("open");
  if (said.length > 0) return new Set(said.includes("none") ? [] : said.includes("all") ? d.members.keys() : said);
  return new Set(d.folds ? [] : d.members.keys());
}

// visible are the nodes and arrows that are drawn, given what is open, and what
// is left out by its state.
function visible(d, open, hide) {
  const nodes = new Map();
  for (const [g, m] of [...d.members].sort(([a], [b]) => compare(a, b))) {
    const unheard = [...m.values()].filter((w) => w.unheard).length;
    nodes.set(g, { id: g, group: true, open: open.has(g), size: m.size, unheard, label: g === outside ? "outside" : g.slice(3), inside: [] });
    if (open.has(g)) for (const [key, w] of [...m].sort(([a], [b]) => compare(a, b))) nodes.set(key, { id: key, parent: g, ref: w.ref, label: w.ref.name, unheard: w.unheard, inside: [] });
  }
  for (const [key, w] of [...d.loose].sort(([a], [b]) => compare(a, b))) nodes.set(key, { id: key, ref: w.ref, label: w.ref.name, inside: [] });
  const standsFor = (ref) => {
    const g = groupOf(ref);
    return g && !open.has(g) ? g : refKey(ref);
  };
  const arrows = new Map();
  for (const e of d.edges) {
    if (hide.has(e.state)) continue;
    const [from, to] = [standsFor(e.from), standsFor(e.to)];
    if (from === to) {
      nodes.get(from).inside.push(e);
      continue;
    }
    const id = from + "~" + to;
    const a = arrows.get(id) ?? arrows.set(id, { id, from, to, edges: [] }).get(id);
    a.edges.push(e);
  }
  for (const a of arrows.values()) a.state = worstOf(a.edges);
  return { nodes, arrows };
}

const worstOf = (edges) => edgeStates[Math.min(...edges.map((e) => (edgeStates.indexOf(e.state) + edgeStates.length + 1) % (edgeStates.length + 1)))];
