// What can't be seen, or moves what can be seen: as audit.Clean has it.
const hidden = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|[\u2800\p{Default_Ignorable_Code_Point}\p{Variation_Selector}]/gu;

// clean makes text that somebody else wrote fit to be shown on one line.
function clean(text) {
  return String(text).replace(hidden, (c) => {
    if (c === "\n") return "\\n";
    if (c === "\t") return "\\t";
    const code = c.codePointAt(0);
    return code > 0xffff ? "\\U" + code.toString(16).padStart(8, "0") : "\\u" + code.toString(16).padStart(4, "0");
  });
}

const digits = new Intl.NumberFormat("en");
const number = (n) => digits.format(n ?? 0);

// some is a number of things: 1 finding, 2 findings.
function some(n, one, many = one + "s") {
  return number(n) + " " + (n === 1 ? one : many);
}

const zero = (time) => !time || time.startsWith("0001-");

// at is a time as people compare it with their logs: UTC, to the second.
function at(time) {
  return zero(time) ? "" : new Date(time).toISOString().slice(0, 19).replace("T", " ") + " UTC";
}

// span is a stretch of time: the day is said once.
function span(from, to) {
  if (zero(from) || zero(to)) return at(from) || at(to);
  const [a, b] = [at(from), at(to)];
  return a.slice(0, 10) === b.slice(0, 10) ? a.slice(0, 19) + " to " + b.slice(11) : a + " to " + b;
}

// lasting is a length of time in its two largest units.
function lasting(from, to) {
  let s = Math.max(0, Math.round((new Date(to) - new Date(from)) / 1000));
  const parts = [];
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]]) {
    if (s >= size || (size === 1 && parts.length === 0)) parts.push(Math.floor(s / size) + unit);
    s %= size;
  }
  return parts.slice(0, 2).join(" ");
}

function portName(protocol, port) {
  if (port === undefined) return protocol ?? "";
  return /^ICMP/.test(protocol) ? `${protocol} type ${port}` : `${protocol} ${port}`;
}

// compare orders by code points, so that the page is the same in every language.
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
