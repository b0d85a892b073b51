// The arrows of the map as a list: for the keyboard, for those who don't see the
// map, and for finding one by its name.

function arrowsPart() {
  const search = el("input", { type: "search", id: "arrow-search", value: address.get("aq"), oninput: () => address.set({ aq: search.value }) });
  return el("details", { class: "arrows", open: address.get("aq") !== "", ontoggle: drawArrows }, el("summary", null, "All arrows as a list"),
    el("p", null, el("label", { for: "arrow-search" }, "Only with "), search, " ", el("span", { id: "arrow-count", class: "minor", role: "status" })),
    el("div", { id: "arrow-list" }));
}

// drawArrows lists what the map's states leave, the worst first, once it is opened.
function drawArrows() {
  const into = document.getElementById("arrow-list");
  if (!into?.closest("details").open) return;
  const hide = new Set(address.list("hide"));
  const wanted = address.get("aq").toLowerCase();
  const edges = map.drawing.edges
    .filter((e) => !hide.has(e.state) && (wanted === "" || edgeText(e).toLowerCase().includes(wanted)))
    .map((e) => [edgeStates.indexOf(e.state), e]).sort(([a], [b]) => a - b).map(([, e]) => e);
  document.getElementById("arrow-count").textContent = some(edges.length, "arrow");
  const { body, part } = table("Arrows", ["From", "To", "Port", "State", ["Connections"], "Last seen"], { class: "arrow-table" });
  fill(into, part);
  listed(body, edges, arrowRow, 50);
}

const edgeText = (e) => `${refName(e.from)} → ${refName(e.to)} ${portName(e.protocol, e.port)} ${e.state}`;

function arrowRow(e) {
  return el("tr", null,
    el("td", null, refName(e.from)), el("td", null, refName(e.to)),
    el("td", null, button(portName(e.protocol, e.port), () => showEdge(e), { class: "link", "aria-label": "Details of " + edgeText(e) })),
    el("td", null, edgeChip(e.state)), el("td", { class: "n" }, e.connections ? number(e.connections) : "–"), el("td", null, at(e.last) || "never"));
}

// showEdge opens the arrow that stands for an edge, as the map is folded now.
function showEdge(e) {
  const hide = address.list("hide").filter((s) => s !== e.state);
  if (hide.length !== address.list("hide").length) address.set({ hide });
  const shown = [...map.shown.arrows.values()].find((a) => a.edges.includes(e));
  const within = [...map.shown.nodes.values()].find((n) => n.inside.includes(e));
  address.set({ arrow: shown?.id ?? "", node: shown ? "" : within?.id ?? "", port: portName(e.protocol, e.port) });
  document.getElementById("panel").scrollIntoView({ block: "nearest" });
  document.getElementById("panel").focus({ preventScroll: true });
}
