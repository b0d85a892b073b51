import { chosen, expect, folder, open, test } from "../fixture.mjs";
import { readFileSync } from "node:fs";

const record = () => JSON.parse(readFileSync(folder + "../../../reporters/testdata/report.json", "utf8"));
const shown = (page) => page.locator("#finding-list > div > .finding");

test("what does not hold is listed, the worst first", async ({ page }) => {
  await open(page, "report");
  const want = record().findings.filter((f) => f.kind === "fail" && !f.suppressed).map((f) => f.fingerprint);
  expect(await shown(page).evaluateAll((all) => all.map((e) => e.dataset.fingerprint))).toEqual(want);
});

test("filters leave what they say, together, and the address keeps them", async ({ page }) => {
  await open(page, "report");
  await page.getByRole("checkbox", { name: /^critical/ }).check();
  await expect(shown(page)).toHaveCount(2);
  await page.locator(".filters [name=ns]").selectOption("finance");
  await expect(shown(page)).toHaveCount(1);
  expect(Object.fromEntries(chosen(page))).toMatchObject({ sev: "critical", ns: "finance" });
  await page.reload();
  await expect(shown(page)).toHaveCount(1);
  await expect(page.getByRole("checkbox", { name: /^critical/ })).toBeChecked();
  await expect(page.locator(".filters [name=ns]")).toHaveValue("finance");
  await page.getByRole("button", { name: "Clear" }).click();
  await expect(page.locator("#finding-count")).toHaveText(`${record().findings.filter((f) => f.kind === "fail" && !f.suppressed).length} findings of ${record().findings.length}`);
});

test("proofs and accepted findings are a filter away", async ({ page }) => {
  await open(page, "report");
  await page.locator(".filters [name=kind]").selectOption("pass");
  await expect(shown(page)).toHaveCount(record().findings.filter((f) => f.kind === "pass").length);
  await page.locator(".filters [name=kind]").selectOption("accepted");
  const accepted = record().findings.filter((f) => f.suppressed);
  await expect(shown(page)).toHaveCount(accepted.length);
  await shown(page).first().locator("summary").first().click();
  await expect(shown(page).first()).toContainText("Accepted: ");
});

test("text finds by every word", async ({ page }) => {
  await open(page, "report");
  await page.getByLabel("Text").fill("prometheus 9090");
  await expect(shown(page)).toHaveCount(1);
  await page.getByLabel("Text").fill("prometheus 9091");
  await expect(page.locator("#finding-list")).toContainText("No finding is left by these filters.");
});

test("a filter of the address that fits nothing is shown, and no other", async ({ page }) => {
  await open(page, "report", "ns=nowhere");
  await expect(page.locator(".filters [name=ns]")).toHaveValue("nowhere");
  await expect(shown(page)).toHaveCount(0);
});

test("a finding shows what to do, and the change that closes it", async ({ page }) => {
  await open(page, "report", "finding=f72837ebc5808d09122661e10bbc5b74");
  const f = page.locator('[data-fingerprint="f72837ebc5808d09122661e10bbc5b74"]');
  await expect(f).toHaveAttribute("open");
  await expect(f).toContainText("Add to a policy of namespace payments: egress to pods app=prometheus");
  await expect(f.locator("pre").first()).toContainText("+  egress:\n+    - to:");
  await f.getByText("The whole document").click();
  await expect(f.locator("pre").nth(1)).toContainText("kind: NetworkPolicy");
  await expect(f).toContainText("What may pass then, and could not before:");
});

test("a finding leads to its arrow on the map", async ({ page }) => {
  await open(page, "large");
  await shown(page).first().locator("summary").first().click();
  await shown(page).first().getByRole("button", { name: "Show on the map" }).click();
  await expect(page.locator("#panel")).toContainText("denied, and carried all the same");
});

test("a long list says how many are not shown, and shows them when asked", async ({ page }) => {
  await open(page, "large");
  const of = Number((await page.locator("#finding-count").textContent()).match(/^\d+/)[0]);
  await expect(shown(page)).toHaveCount(50);
  const more = page.locator("#finding-list").getByRole("button", { name: /^Show 50 more/ });
  await expect(more).toHaveText(`Show 50 more of ${of - 50} that are not shown`);
  await more.click();
  await expect(shown(page)).toHaveCount(100);
});

test("hostile names are text, and what is hidden in them is seen", async ({ page }) => {
  await open(page, "report", "kind=all");
  await expect(page.locator("main img, main script, main iframe")).toHaveCount(0);
  await expect(page.locator("#coverage")).toContainText("node-<e>\\u202e");
  await expect(page.locator("#findings")).toContainText("<script>alert(1)</script>");
});
