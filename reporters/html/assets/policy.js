// policyPart is a policy with its YAML, and the rule in it that took part.
function policyPart(r, ref, open) {
  const o = r.objects.get(refKey(ref));
  const from = place(ref.location) || place(o?.source);
  const title = [el("strong", null, refName(ref)), ref.rule && [" ", el("code", null, ref.rule)], from && el("span", { class: "minor" }, " " + from)];
  if (!o) return el("p", { class: "policy" }, title, el("span", { class: "minor" }, " (its text is not in the record)"));
  return unfolding(title, () => {
    const lines = yamlLines(o.manifest);
    const inRule = lines.map((l) => Boolean(ref.rule) && ofRule(l.path, ref.rule));
    return block(lines.map((l) => l.text).join("\n"), "YAML of " + refName(ref), (_, i) => inRule[i] && "marked");
  }, { class: "policy", open });
}

// suggestionPart is the change that closes a gap.
function suggestionPart(s) {
  return el("div", { class: "suggestion" },
    el("h3", null, s.action === "replace" ? "Suggested change of " : "Suggested new policy: ", refName(s.policy), place(s.location) && el("span", { class: "minor" }, " " + place(s.location))),
    s.note && el("p", null, s.note),
    s.opens?.length > 0 && [el("p", null, "What may pass then, and could not before:"), el("ul", null, s.opens.map((o) => el("li", null, o)))],
    s.diff && unfolding("As a diff", () => block(s.diff, "Diff of the suggested change", diffLine), { open: true }),
    unfolding("The whole document", () => block(s.yaml, "YAML of the suggested change"), { open: !s.diff }));
}

const diffLine = (line) => (line.startsWith("+") && !line.startsWith("+++") ? "added" : line.startsWith("-") && !line.startsWith("---") ? "taken" : "");
