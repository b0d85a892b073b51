import { chosen, expect, open, test } from "../fixture.mjs";

test("the score card comes first, worst namespace first, each layer with its state and why", async ({ page }) => {
  await open(page, "report");
  await expect(page.locator("main > section").first()).toHaveId("score");
  const rows = page.locator(".scorecard tbody tr");
  await expect(rows.first().locator("td").nth(1)).toContainText("contradicted");
  const edge = rows.filter({ has: page.getByRole("button", { name: "edge", exact: true }) });
  await expect(edge.locator("td").nth(1)).toContainText("default deny for ingress and egress; verdicts name policies");
});

test("a namespace of the score card is shown on the map, with its findings alone", async ({ page }) => {
  await open(page, "report");
  await page.locator(".scorecard").getByRole("button", { name: "payments", exact: true }).click();
  await expect(page.locator("#panel h3")).toHaveText("payments");
  expect(chosen(page).get("ns")).toBe("payments");
  await expect(page.locator(".filters [name=ns]")).toHaveValue("payments");
});

test("green never hides a blind spot: what was not seen is said at the top, and listed", async ({ page }) => {
  await open(page, "report");
  await expect(page.locator(".tile.warn")).toContainText("the rest may hold anything");
  const c = page.locator("#coverage");
  for (const text of ["1,287 (1.0%)", "node-d", "StatefulSet legacy/mq", "cannot list resource", "AWS security groups are not resolved",
    "toPorts and icmps in one rule", "did not find expected key", "3 records", "42 were merged", "flow-unused-allow 11", "l7-path-open: no L7 flows"]) {
    await expect(c).toContainText(text);
  }
});

test("policy coverage is by rule, and those that nothing exercised are a filter away", async ({ page }) => {
  await open(page, "report");
  const rules = page.locator("#rules");
  await expect(rules.locator("tr", { hasText: "pods with app=web of namespace shop" }).last()).toContainText("420");
  await rules.locator("#used").selectOption("no");
  await expect(rules.locator("tbody .chip", { hasText: "never" }).first()).toBeVisible();
  await expect(rules.locator("tbody .chip", { hasText: "yes" })).toHaveCount(0);
  expect(chosen(page).get("used")).toBe("no");
});

test("links to sections leave the filters in the address", async ({ page }) => {
  await open(page, "report", "ns=finance");
  await page.getByRole("navigation").getByRole("link", { name: /^Coverage/ }).click();
  await expect(page.locator("#coverage")).toBeFocused();
  expect(chosen(page).get("ns")).toBe("finance");
});
