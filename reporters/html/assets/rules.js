// Policy coverage: which rules of which policies real traffic has exercised, as
// a test coverage report does for code.
function drawRules(r) {
  const into = content("rules");
  const all = r.exercises;
  if (all.length === 0) {
    fill(into, el("p", { class: "nothing" }, "No policy that traffic could exercise was declared."));
    return;
  }
  const only = el("select", { id: "used", onchange: () => address.set({ used: only.value }) },
    [["", "all rules"], ["no", "rules no traffic exercised"], ["yes", "rules that traffic exercised"], ["void", "policies without effect"]].map(([v, t]) => el("option", { value: v, selected: address.get("used") === v }, t)));
  const [used, of] = exercised(all);
  const list = el("div");
  fill(into,
    el("p", null, meter(used, of), ` ${number(used)} of ${some(of, "rule")} exercised. A rule that no traffic used is not wrong: perhaps it was not its time.`),
    el("p", null, el("label", { class: "field" }, "Show", only)), el("div", null, list));
  const wanted = { "": () => true, no: (x) => counts(x) && !x.exercised, yes: (x) => x.exercised, void: (x) => x.noEffect }[address.get("used")] ?? (() => true);
  const policies = new Map();
  for (const x of all) if (wanted(x)) (policies.get(refKey(x)) ?? policies.set(refKey(x), []).get(refKey(x))).push(x);
  if (policies.size === 0) list.append(el("p", { class: "nothing" }, "No rule is left by this filter."));
  listed(list, [...policies.values()], (xs) => exercisePart(r, xs, all.length <= 30), 40);
}

const counts = (x) => !x.noEffect && x.effect !== "" && x.effect !== "pass";

function meter(used, of) {
  return el("meter", { min: 0, max: of || 1, value: used, "aria-label": "Rules exercised" }, `${used} of ${of}`);
}

function exercisePart(r, xs, open) {
  const [used, of] = exercised(xs);
  const first = xs[0];
  return unfolding([meter(used, of), " ", el("strong", null, refName(first)), " ", el("span", { class: "minor" },
    first.noEffect ? "does nothing at all" : `${number(used)} of ${some(of, "rule")} exercised`, place(first.location) && " · " + place(first.location))], () => {
    const { body, part } = table("Rules of " + refName(first), ["Rule", "Effect", "Of whom", "Exercised", ["Connections"], "Last", "By"]);
    body.append(...xs.map(exerciseRow));
    return el("div", null, part, policyPart(r, { ...first, rule: "" }, false));
  }, { class: "exercise", open });
}

function exerciseRow(x) {
  const state = x.noEffect ? chip("layer-contradicted", "no effect", "✗") : x.exercised ? chip("layer-proven", "yes", "✓") : counts(x) ? chip("layer-not-covered", "never", "○") : "";
  return el("tr", null,
    el("th", { scope: "row" }, el("code", null, x.rule || "as a whole")),
    el("td", null, [effects[x.effect] ?? x.effect, x.direction].filter(Boolean).join(", ")),
    el("td", null, x.subjects ?? ""), el("td", null, state),
    el("td", { class: "n" }, x.connections ? number(x.connections) : "–"), el("td", null, at(x.last) || "–"),
    el("td", null, (x.by ?? []).map((b) => el("div", null, b)), x.conversations > (x.by ?? []).length && el("div", { class: "minor" }, `and ${number(x.conversations - (x.by ?? []).length)} more`), x.note && el("div", { class: "minor" }, x.note)));
}
