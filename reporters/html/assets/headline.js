// The headline says what matters first: what does not hold, and how much was
// seen at all.
function drawHeadline(r) {
  const { record, coverage } = r;
  const where = record.cluster || "a cluster without a name";
  document.title = `${clean(where)} · Segproof`;
  fill(document.getElementById("what"), el("strong", null, where), ` · audited ${at(record.run?.ended)}`);
  fill(document.getElementById("footer"),
    `Segproof ${record.run?.version ?? ""} · run ${record.run?.id ?? ""} (${record.run?.trigger ?? ""}) · drawn with Cytoscape.js (MIT)`);

  const open = countBy(r.findings.filter(fails), (f) => f.severity);
  const [used, of] = exercised(r.exercises);
  const seen = percent(coverage);
  const sections = [
    ["score", "Score card", null],
    ["map", "Map", null],
    ["findings", "Findings", number(r.findings.filter(fails).length)],
    ["coverage", "Coverage", seen + "%"],
    ["rules", "Policy coverage", of ? `${number(used)}/${number(of)}` : null],
  ];
  if (record.compliance?.length) sections.push(["compliance", "Compliance", null]);
  fill(document.getElementById("nav"),
    sections.map(([id, label, note]) => el("li", null, el("a", { href: "#" + id }, label, note && el("span", { class: "note" }, " " + note)))));

  return el("div", { class: "tiles" },
    tile(severities.some((s) => open.get(s)) ? severities.filter((s) => open.get(s)).map((s) => severityCount(s, open.get(s))) : "No finding",
      "that nobody accepted", severities.some((s) => open.get(s)) ? "" : "calm"),
    tile(`${seen}%`, `of what there was to see was seen${blindness(coverage) ? ": the rest may hold anything" : ""}`, seen < 100 ? "warn" : "calm", "coverage"),
    tile(of ? `${number(used)} of ${number(of)}` : "No rule", "of policies’ rules exercised by traffic", "", "rules"),
    tile(coverage.flows ? number(coverage.flows) : "No flows", coverage.flows ? `flows in ${lasting(coverage.from, coverage.to)}, until ${at(coverage.to)}` : "were seen: nothing here tells what was carried", coverage.flows ? "" : "warn"));
}

const severityCount = (s, n) => [chip("severity-" + s, `${number(n)} ${s}`), " "];

function tile(figure, about, mood, to) {
  const inner = [el("span", { class: "figure" }, figure), el("span", { class: "about" }, about)];
  return to ? el("a", { class: "tile " + (mood || ""), href: "#" + to }, inner) : el("div", { class: "tile " + (mood || "") }, inner);
}

// blindness tells whether something is known not to have been seen.
const blindness = (c) =>
  Boolean(c.lost || c.silentNodes?.length || c.unreadable?.length || c.unheard?.length || c.partlyUnderstood?.length || !c.flows);
