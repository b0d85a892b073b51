// Coverage: what was seen, and in plain words what was not.
function drawCoverage(r) {
  const c = r.coverage;
  const missing = notSeen(c);
  fill(content("coverage"),
    el("p", null, el("strong", { class: "figure" }, percent(c) + "%"), " the least of the flows not lost, the nodes that answered and the workloads heard of."),
    el("div", { class: "halves" },
      el("div", null, el("h3", null, "Not seen"),
        missing.length > 0 ? el("dl", { class: "facts" }, missing.map(fact)) : el("p", null, "Nothing that is known of; what did not talk proves nothing.")),
      el("div", null, el("h3", null, "Seen"), el("dl", { class: "facts" }, seen(c).map(fact)), nodesPart(c))));
}

const fact = ([name, ...what]) => el("div", null, el("dt", null, name), el("dd", null, what));

function seen(c) {
  const out = [];
  if (c.flows) {
    const asked = !zero(c.asked) && new Date(c.from) - new Date(c.asked) > 1000 ? ` of the ${lasting(c.asked, c.to)} asked for` : "";
    out.push(["Window", `${span(c.from, c.to)}, ${lasting(c.from, c.to)}${asked}`], ["Flows", `${number(c.flows)} in ${some(c.conversations, "conversation")}`]);
  }
  out.push(["Workloads", `${number(c.workloads - (c.unheard ?? []).length)} of ${number(c.workloads)} were heard of`]);
  if (c.absent?.length) out.push(["Not served", listPart(c.absent), "the cluster has no such kind, so no such object"]);
  if (c.ignored && Object.keys(c.ignored).length) out.push(["Other objects", counted(c.ignored), ": they say nothing about segmentation"]);
  return out;
}

function notSeen(c) {
  const lists = [
    ["Silent nodes", c.silentNodes, "nothing is known of what they carried"],
    ["Silent workloads", c.unheard, "no flow spoke of them"],
    ["Unreadable kinds", c.unreadable, "what they declare is not in the judgement"],
    ["Partly understood", c.partlyUnderstood, "what they decide may be undetermined"],
    ["Rejected policies", c.rejected, "Cilium rejects them: they do nothing"],
    ["Unreadable input", c.problems, "left out"],
  ];
  const out = [];
  if (!c.flows) out.push(["Flows", "none: this report says nothing of what the network carried"]);
  if (c.lost) out.push(["Lost flows", `${number(c.lost)} (${(c.lost * 100 / (c.flows + c.lost)).toFixed(1)}%): ${counted(c.lostBy) || "unknown why"}`]);
  for (const [name, list, so] of lists) if (list?.length) out.push([name, listPart(list), el("div", { class: "minor" }, so)]);
  if (c.badRecords) out.push(["Bad records", `${some(c.badRecords, "record")} of flows could not be read`]);
  if (c.folded) out.push(["Folded flows", `${number(c.folded)} were merged into “other” because a limit was reached`]);
  if (c.foldedEdges) out.push(["Folded arrows", `${number(c.foldedEdges)} are not in the record`]);
  if (c.foldedObjects) out.push(["Folded objects", `${number(c.foldedObjects)} are not in the record`]);
  if (c.unjudged && Object.keys(c.unjudged).length) out.push(["Unjudged flows", counted(c.unjudged)]);
  if (c.withheld && Object.keys(c.withheld).length) out.push(["Withheld findings", counted(c.withheld), el("div", { class: "minor" }, "for want of evidence")]);
  for (const rule of Object.keys(c.skipped ?? {}).sort()) out.push(["Skipped rule", `${rule}: ${c.skipped[rule]}`]);
  return out;
}

const counted = (o) => Object.keys(o ?? {}).sort().map((k) => `${k} ${number(o[k])}`).join(", ");

function listPart(list) {
  const ul = el("ul");
  listed(ul, list, (x) => el("li", null, x), 10);
  return el("div", null, ul);
}

// nodesPart tells of each node, since each keeps flows for a time of its own.
function nodesPart(c) {
  if (!c.nodes?.length) return null;
  const { body, part } = table("Nodes", ["Node", ["Flows"], ["Lost"], "Window", "Note"]);
  const order = [...c.nodes].sort((a, b) => (b.lost ?? 0) - (a.lost ?? 0) || Boolean(b.note) - Boolean(a.note) || compare(a.name, b.name));
  listed(body, order, (n) => el("tr", null,
    el("th", { scope: "row" }, n.name), el("td", { class: "n" }, number(n.flows)), el("td", { class: "n" }, n.lost ? number(n.lost) : "–"),
    el("td", null, span(n.from, n.to)), el("td", null, n.note ?? "")), 20);
  return el("div", null, el("h3", null, `${some(c.nodes.length, "node")} answered`), el("div", null, part));
}
