// The service map: what may and what does talk to what.
const map = { cy: null, drawing: null, shown: null, signature: "", open: null, container: null };

function drawMap(r) {
  map.cy?.destroy();
  Object.assign(map, { cy: null, container: null, shown: null, signature: "", drawing: drawing(r) });
  const into = content("map");
  if (r.edges.length === 0 && map.drawing.members.size === 0) {
    fill(into, el("p", { class: "nothing" }, "Nothing was seen between workloads, so there is no map."));
    return;
  }
  map.container = el("div", { id: "graph", tabindex: 0, role: "application", "aria-label": "Service map", "aria-describedby": "map-help" });
  const panel = el("aside", { id: "panel", "aria-label": "What is chosen on the map", tabindex: -1 });
  fill(into, mapTools(r), el("div", { class: "stage" }, map.container, panel), mapHelp(), el("p", { id: "map-said", class: "unseen", "aria-live": "polite" }), arrowsPart());
  if (r.coverage.foldedEdges) into.prepend(el("p", { class: "notice" }, `${number(r.coverage.foldedEdges)} arrows were left out of the record, because there are so many; none of them is contradicted or refused before all of those are drawn.`));
  updateMap();
  whenIdle(startMap);
}

// startMap hands the map to the library. It is what takes longest of the page, so
// it waits until the rest can be seen.
function startMap() {
  if (map.cy || !map.container) return;
  const many = map.drawing.edges.length > 3000;
  map.cy = cytoscape({
    container: map.container, style: mapStyle(), userZoomingEnabled: matchMedia("(pointer: coarse)").matches,
    minZoom: 0.08, maxZoom: 2.5, autoungrabify: true, boxSelectionEnabled: false, layout: { name: "preset" }, selectionType: "single",
    hideEdgesOnViewport: many, textureOnViewport: many, pixelRatio: "auto",
  });
  listenToMap();
  listenToKeys();
  build();
  showChosen();
}

// updateMap draws what the address says. It builds anew only if other things
// are to be seen.
function updateMap() {
  if (!map.container) return;
  const open = unfoldedGroups(map.drawing);
  const hide = new Set(address.list("hide"));
  const signature = JSON.stringify([[...open].sort(), [...hide].sort()]);
  if (signature !== map.signature) {
    map.open = open;
    map.shown = visible(map.drawing, open, hide);
    map.signature = signature;
    if (map.cy) build();
    drawArrows();
  }
  showChosen();
}

function build() {
  const { nodes, arrows } = map.shown;
  const at = positions(nodes, arrows);
  const few = arrows.size <= 40;
  const dense = arrows.size > 80;
  map.cy.batch(() => {
    map.cy.elements().remove();
    map.cy.add([...nodes.values()].map((n) => ({
      data: {
        id: n.id, parent: n.parent, group: n.group, entity: n.ref?.kind === "Entity" || undefined,
        unheard: n.group ? n.unheard === n.size || undefined : n.unheard || undefined,
        inside: n.inside.length && !n.open ? worstOf(n.inside) : undefined,
        label: clean(n.label) + (n.group ? ` (${n.size})` : ""),
      }, position: at.get(n.id) ?? { x: 0, y: 0 },
    })));
    map.cy.add([...arrows.values()].map((a) => {
      const ports = portsOf(a.edges);
      return { data: {
        id: a.id, source: a.from, target: a.to, state: a.state, width: arrowWidth(a) * (dense ? 0.5 : 1), dense: dense || undefined,
        bend: bend(at.get(a.from), at.get(a.to)), ports, label: few ? ports : undefined,
      } };
    }));
  });
  map.cy.fit(undefined, 24);
  if (map.cy.zoom() > 1.2) {
    map.cy.zoom(1.2);
    map.cy.center();
  }
}

// bend is how far an arrow leaves the straight line: it does within a column,
// where others stand between.
function bend(from, to) {
  if (!from || !to || from.column !== to.column) return undefined;
  const far = Math.abs(from.y - to.y);
  return far > 120 ? Math.min(260, 60 + far * 0.2) : undefined;
}

function portsOf(edges) {
  const names = [...new Set(edges.map((e) => portName(e.protocol, e.port)))];
  return names.length <= 2 ? clean(names.join(", ")) : names.length + " ports";
}

// The width tells roughly how many connections there were; what does not hold
// is wide in any case.
function arrowWidth(a) {
  const connections = a.edges.reduce((sum, e) => sum + (e.connections ?? 0), 0);
  return Math.min(5, 1.4 + Math.log10(1 + connections) * 0.7) + (a.state === "contradicted" ? 1.6 : 0);
}

function listenToMap() {
  const { cy, container } = map;
  cy.on("tap", "node", (event) => chooseOnMap({ node: event.target.id() }));
  cy.on("tap", "edge", (event) => chooseOnMap({ arrow: event.target.id() }));
  cy.on("tap", (event) => event.target === cy && chooseOnMap({}));
  cy.on("mouseover", "node, edge", (event) => {
    container.style.cursor = "pointer";
    emphasize(event.target);
  });
  cy.on("mouseout", "node, edge", () => {
    container.style.cursor = "";
    emphasize(null);
  });
  // The browser knows what a double click is here; its clicks have chosen a node.
  container.addEventListener("dblclick", () => {
    if (map.shown.nodes.get(address.get("node"))?.group) toggleGroup(address.get("node"));
  });
  container.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // else the page could not be scrolled past the map
    event.preventDefault();
    const { left, top } = container.getBoundingClientRect();
    zoomBy(event.deltaY < 0 ? 1.15 : 1 / 1.15, { x: event.clientX - left, y: event.clientY - top });
  }, { passive: false });
}

function zoomBy(factor, where) {
  map.cy.zoom({ level: map.cy.zoom() * factor, renderedPosition: where ?? { x: map.cy.width() / 2, y: map.cy.height() / 2 } });
}

const chooseOnMap = ({ node = "", arrow = "" }) => address.set({ node, arrow });

// emphasize shows what an element has to do with, and dims the rest; without an
// element it is what is chosen.
function emphasize(e) {
  const { cy } = map;
  const about = e ?? cy.$(":selected");
  cy.batch(() => {
    cy.elements().removeClass("far near");
    if (about.empty()) return;
    const within = about.union(about.descendants?.() ?? cy.collection());
    const edges = within.edges().union(within.nodes().connectedEdges());
    const ends = edges.connectedNodes().union(within);
    cy.elements().difference(edges.union(ends).union(ends.ancestors()).union(ends.descendants())).addClass("far");
    if (edges.length <= 60) edges.addClass("near");
  });
}

function showChosen() {
  const { cy } = map;
  const id = address.get("arrow") || address.get("node");
  drawPanel(id);
  if (!cy) return;
  cy.$(":selected").unselect();
  if (id) cy.getElementById(id).select();
  emphasize(null);
}

function toggleGroup(id) {
  const open = new Set(map.open);
  if (!open.delete(id)) open.add(id);
  address.set({ open: open.size ? [...open].sort() : "none", node: id, arrow: "" });
}
