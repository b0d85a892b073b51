// el makes an element. Strings become text, never markup, and are cleaned.
function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else e.setAttribute(name, value === true ? "" : clean(value));
  }
  append(e, children);
  return e;
}

function append(to, children) {
  for (const c of children.flat(Infinity)) {
    if (c === undefined || c === null || c === false || c === "") continue;
    to.append(c instanceof Node ? c : clean(c));
  }
}

// fill replaces what is in an element.
function fill(to, ...children) {
  to.replaceChildren();
  append(to, children);
}

const content = (section) => document.querySelector(`#${section} > .content`);

function button(label, onclick, attributes) {
  return el("button", { type: "button", ...attributes, onclick }, label);
}

// unfolding is a part that is drawn once it is opened: most of them never are.
function unfolding(summary, draw, attributes) {
  const d = el("details", attributes, el("summary", null, summary));
  const drawn = () => {
    if (d.open && d.children.length === 1) append(d, [draw()]);
  };
  d.addEventListener("toggle", drawn);
  drawn();
  return d;
}

// listed draws the first of many things, and more when asked: nothing is left
// out without saying so.
function listed(container, things, draw, step) {
  let shown = 0;
  const ask = button("", () => {
    const first = extend(step);
    (first.querySelector("summary, button, a") ?? ask).focus();
  }, { class: "more" });
  const last = { UL: () => el("li", null, ask), TBODY: () => el("tr", null, el("td", { colspan: 20 }, ask)) }[container.tagName]?.() ?? el("div", null, ask);
  container.append(last);
  function extend(by) {
    const next = things.slice(shown, shown + by).map(draw);
    last.before(...next);
    shown += next.length;
    ask.textContent = `Show ${number(Math.min(step, things.length - shown))} more of ${number(things.length - shown)} that are not shown`;
    ask.dataset.paper = `${number(things.length - shown)} more are not shown here`;
    if (shown >= things.length) last.remove();
    return next[0];
  }
  extend(step);
}

// whenIdle does what may wait until what is there by now can be seen and used.
const whenIdle = (what) => (window.requestIdleCallback ? requestIdleCallback(() => what(), { timeout: 2000 }) : setTimeout(what, 50));

// scrolling is a table that is too wide for a narrow window.
function scrolling(label, ...children) {
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, children);
}

// table is an empty table, and its body to be filled. A head in brackets is that of
// a column of numbers.
function table(label, heads, attributes) {
  const body = el("tbody");
  const t = el("table", attributes, el("caption", { class: "unseen" }, label),
    el("thead", null, el("tr", null, heads.map((h) => el("th", { scope: "col", class: Array.isArray(h) && "n" }, h)))), body);
  return { body, part: scrolling(label, t) };
}

// copying is a button that copies a text; nothing where the browser can't.
function copying(text) {
  if (!navigator.clipboard) return null;
  const b = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(text);
      b.textContent = "Copied";
    } catch {
      b.textContent = "The browser refused; select it instead";
    }
  }, { class: "copy" });
  return b;
}

// block is text of many lines; marked tells which lines stand out.
function block(text, label, marked) {
  const lines = text.replace(/\n$/, "").split("\n");
  const pre = el("pre", { tabindex: 0, role: "region", "aria-label": label });
  lines.forEach((line, i) => {
    const kind = marked?.(line, i);
    pre.append(kind ? el("span", { class: kind }, line || " ") : clean(line), "\n");
  });
  return el("div", { class: "block" }, copying(text), pre);
}
