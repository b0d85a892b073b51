// The findings, with filters that the address keeps.
function drawFindings(r) {
  fill(content("findings"), filtersPart(r), el("p", { id: "finding-count", role: "status", class: "minor" }), el("div", { id: "finding-list" }), gonePart(r));
  updateFindings();
}

// updateFindings lists what the filters leave; they are read from the address.
let findingsShown;

function updateFindings() {
  const r = page.report;
  const into = document.getElementById("finding-list");
  const wanted = findingFilter();
  const opened = address.get("finding");
  const found = r.findings.filter((f) => f.fingerprint === opened || wanted(f));
  const shows = JSON.stringify([found.map((f) => f.fingerprint + f.kind)]);
  showFilters();
  document.getElementById("finding-count").textContent = `${some(found.length, "finding")} of ${number(r.findings.length)}`;
  if (into.hasChildNodes() && findingsShown === shows) return;
  findingsShown = shows;
  fill(into);
  if (found.length === 0) {
    into.append(el("p", { class: "nothing" }, nothingFound(r)));
    return;
  }
  const list = el("div");
  into.append(list);
  const first = found.findIndex((f) => f.fingerprint === opened);
  listed(list, found, (f) => findingPart(r, f, f.fingerprint === opened), Math.max(50, first + 1));
}

// A list that is empty is no proof that all is well.
function nothingFound(r) {
  if (r.findings.length > 0) return "No finding is left by these filters.";
  return blindness(r.coverage) ? "Nothing was found in what was seen, and not all was seen: see the coverage below." : "Nothing was found.";
}

function findingPart(r, f, open) {
  const port = portName(f.protocol, f.port);
  return unfolding([
    f.kind === "pass" ? chip("layer-proven", "proven", "✓") : severityChip(f.severity), " ",
    f.suppressed && [chip("accepted", "accepted"), " "],
    (f.state === "new" || f.state === "back") && [chip("state", f.state), " "],
    el("span", { class: "subject" }, refName(f.subject)), " ", el("span", { class: "message" }, f.message), " ",
    el("span", { class: "minor" }, [f.id + " " + f.rule, f.owner].filter(Boolean).join(" · ")),
  ], () => findingDetails(r, f, port), { class: "finding", open, "data-fingerprint": f.fingerprint });
}

function findingDetails(r, f, port) {
  const rule = r.rules.get(f.id);
  const edge = r.edgesByFinding.get(f.fingerprint);
  return el("div", { class: "finding-details" },
    el("dl", { class: "facts" }, [
      ["Subject", refName(f.subject)], ["Peer", refName(f.peer)], ["Decided at", f.direction], ["Port", port],
      ["Owner", f.owner || "nobody is named"], ["File", place(f.location)],
    ].filter(([, v]) => v).map(([k, v]) => el("div", null, el("dt", null, k), el("dd", null, v)))),
    f.suppressed && el("p", { class: "notice" }, `Accepted: ${f.suppressed.reason}. Written in ${f.suppressed.from}${zero(f.suppressed.expires) ? ", without an end" : ", until " + at(f.suppressed.expires)}.`),
    f.fix && [el("h3", null, "What to do"), el("p", null, f.fix)],
    f.suggestion && suggestionPart(f.suggestion),
    evidencePart(f.evidence),
    f.policies?.length > 0 && [el("h3", null, "Policies"), f.policies.map((p) => policyPart(r, p, false))],
    rule && unfolding(`About ${rule.id}: ${rule.title}`, () => el("div", null, el("p", null, rule.why), el("p", null, el("strong", null, "What it can’t see: "), rule.blind)), { class: "about-rule" }),
    el("p", { class: "links" },
      edge && map.container && button("Show on the map", () => { goTo(document.getElementById("map")); showEdge(edge); }), " ",
      button("Address of this finding", () => address.set({ finding: f.fingerprint })), " ", el("code", { class: "minor" }, f.fingerprint)));
}

function gonePart(r) {
  if (r.gone.length === 0) return null;
  return unfolding(`${some(r.gone.length, "finding")} gone: looked for again with enough evidence, and not found`,
    () => el("ul", null, r.gone.map((f) => el("li", null, severityChip(f.severity), " ", f.id, " ", refName(f.subject), ": ", f.message))), { class: "gone" });
}
