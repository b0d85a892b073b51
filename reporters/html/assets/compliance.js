// Compliance: the controls of the framework that was asked for, if one was.
function drawCompliance(r) {
  const controls = r.record.compliance ?? [];
  document.getElementById("compliance").hidden = controls.length === 0;
  if (controls.length === 0) return;
  const look = { violated: ["layer-contradicted", "✗"], satisfied: ["layer-proven", "✓"] };
  const { body, part } = table("Controls", ["Control", "State", "Why", "Findings"]);
  listed(body, controls, (c) => el("tr", null,
    el("th", { scope: "row" }, c.framework, " ", c.id, el("div", { class: "minor" }, c.title)),
    el("td", null, chip(look[c.state]?.[0] ?? "layer-not-covered", c.state, look[c.state]?.[1] ?? "○")),
    el("td", null, c.why), el("td", null, (c.findings ?? []).slice(0, 5).map((f) => findingLink(r, f)), c.findings?.length > 5 && el("div", { class: "minor" }, `and ${number(c.findings.length - 5)} more`))), 60);
  fill(content("compliance"), part);
}

function findingLink(r, fingerprint) {
  const f = r.byFingerprint.get(fingerprint);
  return f && el("div", null, button(`${f.id} ${refName(f.subject)}`, () => {
    address.set({ finding: fingerprint });
    goTo(document.getElementById("findings"));
  }, { class: "link" }));
}
