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

// What the address says of parts that are drawn as a whole.
let drawn;
const parts = () => ["system", "used", "aq"].map((k) => address.get(k));

address.listeners.push(() => {
  const now = parts();
  if (now[0] !== drawn[0]) drawScoreCard(page.report);
  if (now[1] !== drawn[1]) drawRules(page.report);
  if (now[2] !== drawn[2]) drawArrows();
  drawn = now;
  updateMap();
  updateFindings();
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => map.cy?.style(mapStyle()));

// On paper nothing can be opened: what is open is what is printed, and the map
// as it stands.
window.addEventListener("beforeprint", () => {
  for (const d of document.querySelectorAll("#findings .finding")) d.open = true;
});

show(JSON.parse(document.getElementById("record").textContent));
followRecord();
