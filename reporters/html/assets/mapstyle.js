// How the map looks, in the colours of the page.
function mapStyle() {
  const css = getComputedStyle(document.documentElement);
  const color = (name) => css.getPropertyValue("--" + name).trim();
  const font = { "font-family": "system-ui, sans-serif", color: color("text") };
  const edge = (state, style) => ({ selector: `edge[state="${state}"]`, style: { "line-color": color("edge-" + state), "target-arrow-color": color("edge-" + state), ...style } });
  return [
    { selector: "node", style: {
      ...font, label: "data(label)", "font-size": 13, width: 150, height: 34, shape: "round-rectangle",
      "text-valign": "center", "text-halign": "center", "text-max-width": 138, "text-wrap": "ellipsis",
      "background-color": color("card"), "border-width": 1.5, "border-color": color("line-strong"), "min-zoomed-font-size": 5 } },
    { selector: "node[?group]", style: { "font-weight": "bold", "background-color": color("group"), height: 42, "border-width": 2 } },
    { selector: "node:parent", style: {
      "text-valign": "top", "text-margin-y": 19, "text-max-width": 1000, padding: "22px",
      "background-color": color("group"), "background-opacity": 0.55, "border-width": 1 } },
    { selector: "node[?entity]", style: { shape: "round-hexagon", "background-color": color("entity"), "text-max-width": 118 } },
    { selector: "node[?unheard]", style: { "border-style": "dashed", color: color("muted") } },
    { selector: 'node[inside="contradicted"]', style: { "border-color": color("edge-contradicted"), "border-width": 3 } },
    { selector: 'node[inside="refused"]', style: { "border-color": color("edge-refused"), "border-width": 3 } },
    { selector: "edge", style: {
      ...font, "curve-style": "bezier", "control-point-step-size": 36, "target-arrow-shape": "triangle", "arrow-scale": 1.1,
      width: "data(width)", "font-size": 11, "min-zoomed-font-size": 6, "text-rotation": "autorotate",
      "text-background-color": color("page"), "text-background-opacity": 0.9, "text-background-padding": "2px" } },
    { selector: "edge[label]", style: { label: "data(label)" } },
    // Straight arrows within a column would run through what stands between.
    { selector: "edge[bend]", style: { "curve-style": "unbundled-bezier", "control-point-weights": 0.5, "control-point-distances": "data(bend)" } },
    { selector: "edge[?dense]", style: { opacity: 0.7, "arrow-scale": 0.9 } },
    edge("carried", {}),
    edge("refused", { "target-arrow-shape": "tee", "arrow-scale": 1.6 }),
    edge("contradicted", { "z-index": 20, "arrow-scale": 1.4, opacity: 1 }),
    edge("unjudged", {}),
    edge("unseen", { "line-style": "dashed", "target-arrow-fill": "hollow" }),
    { selector: "edge.near, edge:selected", style: { label: "data(ports)", "z-index": 30 } },
    { selector: ".far", style: { opacity: 0.22 } },
    { selector: "node:selected, node.cursor", style: { "border-width": 4, "border-color": color("accent"), "border-style": "solid" } },
    { selector: "edge:selected", style: { "underlay-color": color("accent"), "underlay-opacity": 0.35, "underlay-padding": 5 } },
    { selector: "core", style: { "active-bg-opacity": 0, "selection-box-opacity": 0 } },
  ];
}
