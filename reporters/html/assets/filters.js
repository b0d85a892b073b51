// The filters of the findings. What the address says is what is chosen.

const filterKinds = { fail: "not holding", accepted: "accepted", pass: "proven" };
const kindOf = (f) => (f.kind === "pass" ? "pass" : f.suppressed ? "accepted" : "fail");
const chosenKind = () => address.get("kind") || "fail";

function findingFilter() {
  const [sev, kind, state, ns, owner, rule] = [address.list("sev"), chosenKind(), address.get("state"), address.get("ns"), address.get("owner"), address.get("rule")];
  const words = address.get("q").toLowerCase().split(/\s+/).filter(Boolean);
  return (f) =>
    (kind === "all" || kindOf(f) === kind) &&
    (sev.length === 0 || sev.includes(f.severity)) &&
    (state === "" || f.state === state) &&
    (ns === "" || namespaceOf(f) === ns || f.peer?.namespace === ns) &&
    (owner === "" || (f.owner || "(no owner)") === owner) &&
    (rule === "" || f.rule === rule) &&
    (words.length === 0 || words.every((w) => findingText(f).includes(w)));
}

const findingText = (f) => [f.id, f.rule, f.severity, f.owner, refName(f.subject), refName(f.peer), f.message, portName(f.protocol, f.port), f.fingerprint].join(" ").toLowerCase();

function filtersPart(r) {
  const by = (key) => [...countBy(r.findings, key)].sort(([a], [b]) => compare(a, b)).map(([k, n]) => [k, `${k} (${number(n)})`]);
  const kinds = countBy(r.findings, kindOf);
  return el("form", { class: "filters", role: "search", "aria-label": "Filter the findings", onsubmit: (e) => e.preventDefault() },
    el("fieldset", { class: "severities" }, el("legend", null, "Severity"), severities.map((s) => severityBox(r, s))),
    select("kind", "Show", [...Object.entries(filterKinds).map(([k, label]) => [k, `${label} (${number(kinds.get(k) ?? 0)})`]), ["all", "everything"]]),
    select("state", "State", [["", "any"], ...by((f) => f.state || "").filter(([k]) => k)]),
    select("ns", "Namespace", [["", "any"], ...by(namespaceOf).filter(([k]) => k)]),
    select("owner", "Owner", [["", "any"], ...by((f) => f.owner || "(no owner)")]),
    select("rule", "Rule", [["", "any"], ...by((f) => f.rule)]),
    textFilter(),
    button("Clear", () => address.set({ sev: "", kind: "", state: "", ns: "", owner: "", rule: "", q: "", finding: "" })));
}

function severityBox(r, s) {
  const n = r.findings.filter((f) => f.severity === s && fails(f)).length;
  const box = el("input", { type: "checkbox", name: "sev", value: s, onchange: () => {
    const chosen = new Set(address.list("sev"));
    if (box.checked) chosen.add(s);
    else chosen.delete(s);
    address.set({ sev: severities.filter((x) => chosen.has(x)), finding: "" });
  } });
  return el("label", null, box, severityChip(s), " ", el("span", { class: "count" }, number(n)));
}

function select(key, label, options) {
  const s = el("select", { name: key, onchange: () => address.set({ [key]: s.value, finding: "" }) },
    options.map(([value, text]) => {
      const o = el("option", null, text);
      o.value = value; // as it is: the filter compares it
      return o;
    }));
  return el("label", { class: "field" }, label, s);
}

function textFilter() {
  const input = el("input", { type: "search", name: "q", oninput: () => address.set({ q: input.value, finding: "" }) });
  return el("label", { class: "field" }, "Text", input);
}

// showFilters puts what the address says into the form.
function showFilters() {
  for (const e of document.querySelectorAll(".filters [name]")) {
    if (e.type === "checkbox") e.checked = address.list("sev").includes(e.value);
    else if (e !== document.activeElement || e.tagName === "SELECT") e.value = e.name === "kind" ? chosenKind() : address.get(e.name);
    if (e.tagName === "SELECT" && e.selectedIndex < 0) unlisted(e);
  }
}

// unlisted adds a value of the address that no finding has, so that the form
// doesn't show another filter than the one that is in force.
function unlisted(s) {
  const o = el("option", null, `${address.get(s.name)} (0)`);
  o.value = address.get(s.name);
  s.append(o);
  s.value = o.value;
}
