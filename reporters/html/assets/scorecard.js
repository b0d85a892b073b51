// The score card: for each namespace how much is known to hold at each layer.
function drawScoreCard(r) {
  const into = content("score");
  const all = address.get("system") === "1";
  const scores = r.scores.filter((s) => all || !s.system).sort((a, b) => badness(b) - badness(a) || compare(a.namespace, b.namespace));
  const system = r.scores.length - r.scores.filter((s) => !s.system).length;
  if (r.scores.length === 0) {
    fill(into, drawHeadline(r), el("p", { class: "nothing" }, "No namespace was declared or seen, so there is nothing to score."));
    return;
  }
  const { body, part } = table("Score card by namespace and layer",
    ["Namespace", ...layers.map(([, label]) => label)], { class: "scorecard" });
  fill(into, drawHeadline(r), layerTotals(r.scores.filter((s) => all || !s.system)), part,
    system > 0 && button(all ? "Hide the system’s namespaces" : `Show the ${some(system, "namespace")} of the system`,
      () => address.set({ system: all ? "" : "1" })),
    legend());
  listed(body, scores, scoreRow, 40);
}

const badness = (s) => layers.reduce((sum, [key]) => sum + (s[key].state === "contradicted" ? 1000 : 0) + (s[key].findings ?? 0), 0);

// layerTotals is one bar a layer: how many namespaces are in which state.
function layerTotals(scores) {
  return el("dl", { class: "totals" }, layers.map(([key, label]) => {
    const by = countBy(scores, (s) => s[key].state);
    return el("div", null, el("dt", null, label),
      el("dd", null, layerStates.filter((s) => by.get(s)).map((s) => {
        const c = chip("layer-" + s, `${number(by.get(s))} ${s}`, layerSigns[s]);
        c.style.flexGrow = by.get(s);
        return c;
      })));
  }));
}

function scoreRow(s) {
  return el("tr", null,
    el("th", { scope: "row" },
      button(s.namespace, () => chooseNamespace(s.namespace), { class: "link", title: "Its findings, and its place on the map" }),
      el("div", { class: "minor" }, [s.owner, some(s.workloads, "workload"), s.system && "system"].filter(Boolean).join(" · "))),
    layers.map(([key]) => layerCell(s[key])));
}

function layerCell(l) {
  return el("td", { class: "cell layer-" + l.state.replace(/ /g, "-") }, layerChip(l.state),
    l.findings > 0 && el("span", { class: "count" }, " " + some(l.findings, "finding")),
    el("div", { class: "why" }, l.why),
    !zero(l.newest) && el("div", { class: "minor" }, "newest evidence " + at(l.newest)));
}

function legend() {
  return el("details", { class: "legend" }, el("summary", null, "What the states mean"),
    el("dl", null, layerStates.map((s) => el("div", null, el("dt", null, layerChip(s)), el("dd", null, layerMeans[s])))));
}

// chooseNamespace shows a namespace on the map, and only its findings.
function chooseNamespace(ns) {
  address.set({ ns, arrow: "", node: groupOf({ kind: "Namespace", name: ns, namespace: ns }) });
  goTo(document.getElementById("map"));
}
