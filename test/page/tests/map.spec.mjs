import { chosen, expect, nodes, onMap, open, ready, test } from "../fixture.mjs";

const arrow = "Deployment/monitoring/prometheus~Deployment/payments/payments-api";

test("an arrow that is clicked shows what both ends decide, the policy's YAML, the flows and what to do", async ({ page }) => {
  await open(page, "segproof");
  const { x, y } = await onMap(page, arrow);
  await page.mouse.click(x, y);
  const panel = page.locator("#panel");
  await expect(panel.getByRole("heading", { name: "prometheus → payments-api" })).toBeVisible();
  await expect(panel).toContainText("At the source, egress");
  await expect(panel).toContainText("Allows: no policy isolates this end. It was carried, as declared.");
  await expect(panel).toContainText("Denies: no rule allows it, and a policy isolates this end. It was carried all the same: what is declared does not hold.");
  await panel.locator(".end details", { hasText: "NetworkPolicy payments/default-deny-all" }).locator("summary").click();
  await expect(panel.locator("pre").first()).toContainText("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: default-deny-all");
  await expect(panel.locator(".samples").first()).toContainText("monitoring/prometheus-");
  await expect(panel.locator(".finding")).toContainText("enforce-deny-forwarded");
  await expect(panel.locator(".finding-details")).toContainText("What to do");
  expect(chosen(page).get("arrow")).toBe(arrow);
});

test("the address opens the arrow that it names, and closing it empties the address", async ({ page }) => {
  await open(page, "segproof", new URLSearchParams({ arrow }).toString());
  await expect(page.locator("#panel > h3")).toHaveText("prometheus → payments-api");
  await page.locator("#panel").getByRole("button", { name: "Close" }).click();
  await expect(page.locator("#panel.idle")).toBeVisible();
  expect(chosen(page).get("arrow")).toBe(null);
});

test("a rule that decided is marked in its policy", async ({ page }) => {
  await open(page, "large");
  await page.getByText("All arrows as a list").click();
  await page.getByLabel("Only with").fill("carried");
  await page.locator("#arrow-list tbody button").first().click();
  const marked = page.locator("#panel pre .marked");
  await expect(marked.first()).toHaveText("    - from:");
});

test("on a large cluster the groups are folded, unfold when asked, and the address keeps it", async ({ page }) => {
  await open(page, "large");
  expect((await nodes(page)).length).toBe(25);
  const { x, y } = await onMap(page, "ns/team-03");
  await page.mouse.click(x, y);
  await page.locator("#panel").getByRole("button", { name: "Unfold" }).click();
  expect((await nodes(page)).length).toBe(45);
  expect(chosen(page).getAll("open")).toEqual(["ns/team-03"]);
  await page.reload();
  await ready(page);
  await expect.poll(async () => (await nodes(page)).length).toBe(45);
  await page.getByRole("button", { name: "Fold all", exact: true }).click();
  expect((await nodes(page)).length).toBe(25);
});

test("a double click folds a group", async ({ page }) => {
  await open(page, "segproof");
  const { x, y } = await onMap(page, "ns/payments");
  await page.mouse.dblclick(x, y);
  await expect.poll(() => nodes(page)).not.toContain("Deployment/payments/payments-api");
});

test("arrows of a state can be left out, and the address keeps it", async ({ page }) => {
  await open(page, "segproof");
  const states = () => page.evaluate(() => [...new Set(document.getElementById("graph")._cyreg.cy.edges().map((e) => e.data("state")))].sort());
  expect(await states()).toEqual(["carried", "contradicted"]);
  await page.getByRole("checkbox", { name: /allowed, and carried/ }).uncheck();
  expect(await states()).toEqual(["contradicted"]);
  await page.reload();
  await ready(page);
  await expect.poll(states).toEqual(["contradicted"]);
});

test("without a mouse: keys go from node to node, open and fold them, and say where one is", async ({ page }) => {
  await open(page, "segproof");
  await page.locator("#graph").focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.locator("#map-said")).toContainText("arrows out");
  const before = await page.locator("#map-said").textContent();
  await page.keyboard.press("ArrowRight");
  await expect(page.locator("#map-said")).not.toHaveText(before);
  const folds = (await nodes(page)).length;
  await page.keyboard.press("Space");
  expect((await nodes(page)).length).toBeLessThan(folds);
  await page.keyboard.press("Space");
  expect((await nodes(page)).length).toBe(folds);
  await page.keyboard.press("Enter");
  await expect(page.locator("#panel")).toBeFocused();
  await expect(page.locator("#panel > h3")).toBeVisible();
  await page.locator("#panel").getByRole("button", { name: "Close" }).press("Enter");
  await expect(page.locator("#graph")).toBeFocused();
});

test("every arrow is in the list, too, and can be found by its name", async ({ page }) => {
  await open(page, "segproof");
  await page.getByText("All arrows as a list").click();
  await expect(page.locator("#arrow-count")).toHaveText("13 arrows");
  await page.getByLabel("Only with").fill("world");
  await expect(page.locator("#arrow-count")).toHaveText("1 arrow");
  await page.getByRole("button", { name: /^Details of Deployment payments\/payments-api → world/ }).click();
  await expect(page.locator("#panel")).toContainText("At the destination, ingress");
  await expect(page.locator("#panel")).toContainText("Has no say");
});

test("a workload that no flow spoke of is on the map, and says so", async ({ page }) => {
  await open(page, "segproof", new URLSearchParams({ node: "Deployment/payments/payments-frontend" }).toString());
  await expect(page.locator("#panel")).toContainText("No flow spoke of it");
});
