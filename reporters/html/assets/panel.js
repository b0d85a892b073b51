// The panel beside the map: what is chosen, from both ends.
let panelShows;

function drawPanel(id) {
  const panel = document.getElementById("panel");
  const shows = JSON.stringify([id, address.get("port"), map.signature]);
  if (shows === panelShows && panel.hasChildNodes()) return;
  panelShows = shows;
  const arrow = map.shown.arrows.get(id);
  const node = map.shown.nodes.get(id);
  panel.scrollTop = 0;
  panel.classList.toggle("idle", !arrow && !node);
  if (arrow) fill(panel, closing(), arrowPart(arrow));
  else if (node) fill(panel, closing(), nodePart(node));
  else fill(panel, idlePart(id));
}

const closing = () => button("Close", () => {
  chooseOnMap({});
  map.container.focus();
}, { class: "close" });

function idlePart(id) {
  const bad = map.drawing.edges.filter((e) => e.state === "contradicted");
  return [
    id && el("p", { class: "notice" }, "What the address names is not on this map."),
    bad.length > 0
      ? [el("h3", null, `${some(bad.length, "connection")} that ${bad.length === 1 ? "is" : "are"} denied, and carried all the same`), edgeButtons(bad)]
      : el("p", null, "No declared deny was seen to be contradicted. Choose an arrow to see what both its ends decide."),
  ];
}

function edgeButtons(edges) {
  const several = edges.some((e) => e.state !== edges[0].state);
  const ul = el("ul", { class: "choices" });
  listed(ul, edges, (e) => el("li", null, several && edgeChip(e.state), " ", button(edgeName(e), () => showEdge(e), { class: "link" })), 12);
  return el("div", null, ul);
}

const edgeName = (e) => `${shortName(e.from)} → ${shortName(e.to)}, ${portName(e.protocol, e.port)}`;

// arrowPart is all that an arrow stands for, the worst first.
function arrowPart(arrow) {
  const [from, to] = [arrow.from, arrow.to].map((id) => map.shown.nodes.get(id));
  const rank = (e) => edgeStates.indexOf(e.state);
  const edges = [...arrow.edges].sort((a, b) => rank(a) - rank(b));
  const wanted = address.get("port");
  const into = el("div");
  listed(into, edges, (e) => edgePart(e, edges.length === 1 || (wanted !== "" && portName(e.protocol, e.port) === wanted)), 25);
  return [
    el("h3", null, from.label, " → ", to.label),
    el("p", { class: "minor" }, `${some(edges.length, "connection")} by ends and port: `,
      edgeStates.map((s) => [s, edges.filter((e) => e.state === s).length]).filter(([, n]) => n > 0).map(([s, n]) => [chip("edge-" + s, `${number(n)} ${s}`), " "])),
    el("div", null, into),
  ];
}

function edgePart(e, open) {
  return unfolding([edgeChip(e.state), " ", el("strong", null, portName(e.protocol, e.port)), " ", `${shortName(e.from)} → ${shortName(e.to)}`], () => edgeDetails(e), { class: "edge", open });
}

function edgeDetails(e) {
  const r = page.report;
  const findings = (e.findings ?? []).map((f) => r.byFingerprint.get(f)).filter(Boolean);
  return el("div", { class: "edge-details" },
    el("p", null, el("strong", null, edgeMeans[e.state] ?? e.state), ". ",
      e.connections ? `${some(e.connections, "connection")}, ${some(e.flows ?? 0, "flow")}, ${span(e.first, e.last)}.` : ""),
    endPart(r, "At the source, egress", e.from, e.egress),
    endPart(r, "At the destination, ingress", e.to, e.ingress),
    e.samples?.length > 0 && el("h4", null, "Sample flows"), samplesPart(e.samples),
    findings.length > 0 && el("h4", null, "Findings"), findings.map((f) => findingPart(r, f, findings.length === 1)));
}

// endPart is what one end decides, and what came of it.
function endPart(r, title, ref, end) {
  const policies = end?.policies ?? [];
  return el("div", { class: "end answer-" + (end?.answer || "none") },
    el("h4", null, title, el("span", { class: "minor" }, " " + refName(ref))),
    end?.answer
      ? el("p", null, el("strong", null, answers[end.answer] ?? end.answer), ": ", reasons[end.reason] ?? end.reason ?? "", ". ", outcomes[end.outcome] ?? end.outcome)
      : el("p", null, "Has no say: it is no pod that policy can isolate, or nothing was declared."),
    policies.map((p, i) => policyPart(r, p, i === 0 && policies.length === 1)));
}

function nodePart(n) {
  const r = page.report;
  const about = n.group ? (f) => namespaceOf(f) === n.label : (f) => refKey(f.subject) === n.id || (f.peer && refKey(f.peer) === n.id);
  const findings = n.group && n.label === "outside" ? [] : r.findings.filter((f) => fails(f) && about(f));
  const score = n.group && r.scores.find((s) => s.namespace === n.label);
  const arrows = [...map.shown.arrows.values()].filter((a) => a.from === n.id || a.to === n.id);
  return [
    el("h3", null, n.group ? n.label : refName(n.ref)),
    n.group && el("p", null, some(n.size, "workload"), n.unheard > 0 && `, ${number(n.unheard)} never heard of`, ". ", button(n.open ? "Fold" : "Unfold", () => toggleGroup(n.id))),
    !n.group && n.unheard && el("p", { class: "notice" }, "No flow spoke of it: nothing is known of what it does."),
    score && el("dl", { class: "layers" }, layers.map(([key, label]) => el("div", null, el("dt", null, label), el("dd", null, layerChip(score[key].state), " ", score[key].why)))),
    arrowButtons("Calls", arrows.filter((a) => a.from === n.id), "to"),
    arrowButtons("Called by", arrows.filter((a) => a.to === n.id), "from"),
    n.inside.length > 0 && [el("h4", null, `Within it, ${some(n.inside.length, "connection")}`), edgeButtons([...n.inside].sort((a, b) => edgeStates.indexOf(a.state) - edgeStates.indexOf(b.state)))],
    findings.length > 0 && el("h4", null, some(findings.length, "finding")), findings.slice(0, 20).map((f) => findingPart(r, f, false)),
    findings.length > 20 && el("p", { class: "minor" }, `and ${number(findings.length - 20)} more, in the list of findings below`),
  ];
}

function arrowButtons(title, arrows, end) {
  if (arrows.length === 0) return null;
  const ul = el("ul", { class: "choices" });
  const name = (a) => map.shown.nodes.get(a[end]).label;
  const sorted = [...arrows].sort((a, b) => edgeStates.indexOf(a.state) - edgeStates.indexOf(b.state) || compare(name(a), name(b)));
  listed(ul, sorted, (a) => el("li", null, edgeChip(a.state), " ",
    button(name(a), () => chooseOnMap({ arrow: a.id }), { class: "link" }), el("span", { class: "minor" }, " " + portsOf(a.edges))), 12);
  return [el("h4", null, title), el("div", null, ul)];
}
