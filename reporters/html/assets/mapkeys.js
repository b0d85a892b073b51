// What is around the map: its buttons, its keys, and what they mean.

function mapTools(r) {
  const counts = countBy(r.edges, (e) => e.state);
  const states = el("fieldset", { class: "states" }, el("legend", null, "Arrows"), edgeStates.map((s) => {
    const box = el("input", { type: "checkbox", checked: !address.list("hide").includes(s), onchange: () => {
      const hide = new Set(address.list("hide"));
      if (box.checked) hide.delete(s);
      else hide.add(s);
      address.set({ hide: [...hide].sort() });
    } });
    return el("label", { title: edgeMeans[s] }, box, sampleLine(s), `${edgeMeans[s]} `, el("span", { class: "count" }, number(counts.get(s) ?? 0)));
  }));
  return el("div", { class: "tools" }, states,
    el("div", { class: "buttons", role: "group", "aria-label": "View of the map" },
      button("Unfold all", () => address.set({ open: "all" })),
      button("Fold all", () => address.set({ open: "none" })),
      button("Whole map", () => map.cy?.animate({ fit: { padding: 24 }, duration: 150 })),
      button("+", () => zoomBy(1.3), { "aria-label": "Larger" }),
      button("−", () => zoomBy(1 / 1.3), { "aria-label": "Smaller" })));
}

// sampleLine is a line as the map draws it.
function sampleLine(state) {
  return el("span", { class: "line edge-" + state, "aria-hidden": "true" });
}

function mapHelp() {
  return el("p", { id: "map-help", class: "minor" },
    "Click an arrow for what both ends decide, a namespace for what is in it; double click folds and unfolds. ",
    "With the keyboard: arrow keys go from one to the next, Enter opens, Space folds and unfolds a namespace, + and − zoom, 0 shows all, Escape closes. ",
    "Ctrl and the wheel zoom. A dashed frame was never heard of. Every arrow is in the list below, too.");
}

function listenToKeys() {
  const { cy, container } = map;
  const towards = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const acts = {
    "+": () => zoomBy(1.2), "=": () => zoomBy(1.2), "-": () => zoomBy(1 / 1.2), 0: () => cy.fit(undefined, 24),
    Enter: () => cursor().nonempty() && (chooseOnMap({ node: cursor().id() }), document.getElementById("panel").focus()),
    " ": foldAtCursor,
    Escape: () => chooseOnMap({}),
  };
  container.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = towards[event.key] ? () => step(towards[event.key]) : acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

const cursor = () => map.cy.$("node.cursor");

// step moves the cursor to the nearest node in a direction. It goes to workloads
// and folded groups: an unfolded one has no place of its own.
function step([dx, dy]) {
  const from = cursor();
  const nodes = map.cy.nodes().not(":parent").toArray();
  if (from.empty()) {
    point(nodes.reduce((a, b) => (a.position("x") - b.position("x") || a.position("y") - b.position("y")) <= 0 ? a : b));
    return;
  }
  const { x, y } = from.position();
  let [best, next] = [Infinity, null];
  for (const n of nodes) {
    const along = (n.position("x") - x) * dx + (n.position("y") - y) * dy;
    const across = Math.abs((n.position("x") - x) * dy + (n.position("y") - y) * dx);
    if (along > 1 && along + across * 2 < best) [best, next] = [along + across * 2, n];
  }
  if (next) point(next);
}

// foldAtCursor unfolds the group at the cursor, or folds the one around it.
function foldAtCursor() {
  const at = cursor();
  const group = at.is("[?group]") ? at.id() : at.data("parent");
  if (!group) return;
  toggleGroup(group);
  const now = map.cy.getElementById(group);
  point(now.isParent() ? now.children()[0] : now);
}

function point(next) {
  const { cy } = map;
  cursor().removeClass("cursor");
  next.addClass("cursor");
  const box = next.renderedBoundingBox();
  if (box.x1 < 0 || box.y1 < 0 || box.x2 > cy.width() || box.y2 > cy.height()) cy.center(next);
  document.getElementById("map-said").textContent = nodeSays(next.id());
}

// nodeSays is a node in words.
function nodeSays(id) {
  const n = map.shown.nodes.get(id);
  const arrows = [...map.shown.arrows.values()];
  const out = arrows.filter((a) => a.from === id);
  const into = arrows.filter((a) => a.to === id);
  const bad = [...out, ...into].filter((a) => a.state === "contradicted").length;
  return clean([n.label, n.group ? `group of ${n.size}, ${n.open ? "unfolded" : "folded"}` : n.ref.kind,
    n.unheard && !n.group && "never heard of", `${out.length} arrows out`, `${into.length} in`, bad > 0 && `${bad} contradicted`].filter(Boolean).join(", "));
}
