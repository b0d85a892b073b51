// What a finding or an arrow rests on.

function evidencePart(evidence) {
  if (!evidence?.length) return null;
  return [el("h3", null, "Evidence"), el("ul", { class: "evidence" }, evidence.map((e) =>
    el("li", null, e.what,
      el("div", { class: "minor" }, [
        e.connections && some(e.connections, "connection"), e.flows && some(e.flows, "flow"), span(e.first, e.last),
        e.nodes?.length && "on " + few(e.nodes, 4),
      ].filter(Boolean).join(" · ")),
      samplesPart(e.samples))))];
}

function samplesPart(samples) {
  if (!samples?.length) return null;
  return el("ul", { class: "samples", "aria-label": "Sample flows" }, samples.map((s) => el("li", null,
    el("code", null, `${s.from} → ${s.to}`),
    el("div", { class: "minor" }, [
      at(s.time), s.node && "on " + s.node, s.address && "to " + s.address, s.names?.length && few(s.names, 4), s.summary, s.uuid,
    ].filter(Boolean).join(" · ")))));
}

// few names the first of a list, and counts the rest.
function few(names, most) {
  return names.slice(0, most).join(", ") + (names.length > most ? ` and ${number(names.length - most)} more` : "");
}
