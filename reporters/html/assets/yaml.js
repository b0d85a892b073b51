// yaml writes a manifest of the record as YAML, and knows which line belongs to
// which path, so that the rule that decided can be shown in its policy.

const firstKeys = ["apiVersion", "kind", "metadata", "name", "namespace", "spec", "specs"];
const plain = /^[A-Za-z_/][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$/;
const notText = /^(true|false|yes|no|on|off|null|y|n)$/i;

function scalar(v) {
  if (typeof v !== "string") return String(v);
  return plain.test(v) && !notText.test(v) ? v : JSON.stringify(v);
}

function orderedKeys(o) {
  const rank = (k) => (firstKeys.indexOf(k) + firstKeys.length + 1) % (firstKeys.length + 1);
  return Object.keys(o).sort((a, b) => rank(a) - rank(b) || compare(a, b));
}

const isEmpty = (v) => typeof v !== "object" || v === null || Object.keys(v).length === 0;

function emptyOrScalar(v) {
  if (typeof v !== "object" || v === null) return scalar(v);
  return Array.isArray(v) ? "[]" : "{}";
}

// yamlLines is a list of {text, path}.
function yamlLines(v, path = "", indent = "") {
  if (isEmpty(v)) return [{ text: indent + emptyOrScalar(v), path }];
  const out = [];
  const under = (head, value, at, deeper) => {
    if (isEmpty(value)) out.push({ text: `${indent}${head} ${emptyOrScalar(value)}`, path: at });
    else out.push({ text: indent + head, path: at }, ...yamlLines(value, at, deeper));
  };
  if (Array.isArray(v)) {
    v.forEach((item, i) => {
      const at = `${path}[${i}]`;
      const lines = yamlLines(item, at, indent + "  ");
      lines[0].text = indent + "- " + lines[0].text.slice(indent.length + 2);
      out.push(...lines);
    });
    return out;
  }
  for (const k of orderedKeys(v)) {
    under(scalar(k) + ":", v[k], path ? `${path}.${k}` : k, indent + "  ");
  }
  return out;
}

// ofRule tells whether a path is in a rule such as ingress[0], of a policy whose
// rules are under spec, or specs[1].egress[2].
function ofRule(path, rule) {
  const from = rule.startsWith("specs[") ? rule : "spec." + rule;
  return path === from || path.startsWith(from + ".") || path.startsWith(from + "[");
}
