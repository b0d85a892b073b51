// The page: it draws a record, and draws again what the address changes.
const page = { report: null };

function show(record) {
  page.report = readReport(record);
  panelShows = findingsShown = undefined;
  drawScoreCard(page.report);
  drawMap(page.report);
  drawFindings(page.report);
  drawCoverage(page.report);
  drawRules(page.report);
  drawCompliance(page.report);
  drawn = parts();
}

// unpack is the record as the page carries it: base64 of gzip of JSON.
async function unpack(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

// What the address says of parts that are drawn as a whole.
let drawn;
const parts = () => ["system", "used", "aq"].map((k) => address.get(k));

address.listeners.push(() => {
  if (!page.report) return;
  const now = parts();
  if (now[0] !== drawn[0]) drawScoreCard(page.report);
  if (now[1] !== drawn[1]) drawRules(page.report);
  if (now[2] !== drawn[2]) drawArrows();
  drawn = now;
  updateMap();
  updateFindings();
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);

function recolour() {
  map.cy?.style(mapStyle());
}

// On paper nothing can be opened, and nothing is dark: findings are open, and the
// map is light, for as long as it is printed.
let opened = [];

window.addEventListener("beforeprint", () => {
  document.documentElement.classList.add("paper");
  startMap();
  recolour();
  map.cy?.renderer().render(); // by itself it would wait for a frame
  opened = [...document.querySelectorAll("#finding-list .finding:not([open])")];
  for (const d of opened) {
    d.open = true;
    d.dispatchEvent(new Event("toggle")); // by itself it comes too late for the paper
  }
});
window.addEventListener("afterprint", () => {
  document.documentElement.classList.remove("paper");
  recolour();
  for (const d of opened) d.open = false;
});

unpack(document.getElementById("record").textContent).then((record) => {
  show(record);
  followRecord();
}).catch((err) => {
  document.getElementById("main").prepend(el("p", { class: "notice", role: "alert" }, `This browser can’t show the report (${err.message}). Use a newer one, or read the text report or the record instead.`));
  throw err;
});
