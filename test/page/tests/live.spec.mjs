import { readFileSync } from "node:fs";
import { address, expect, folder, test } from "../fixture.mjs";

// serve answers for a server that hands out the page and the record.
async function serve(page, state) {
  await page.clock.install();
  await page.route("http://page.test/", (route) => route.fulfill({ contentType: "text/html; charset=utf-8", body: readFileSync(folder + state.file) }));
  await page.route("http://page.test/report.json", (route) => {
    state.asked++;
    return state.record ? route.fulfill({ json: state.record }) : route.fulfill({ status: 503, body: "" });
  });
  await page.goto("http://page.test/#ns=payments");
}

const record = () => JSON.parse(readFileSync(folder + "segproof.json", "utf8"));

test("a page that is handed out shows a newer record by itself, and keeps what was chosen", async ({ page }) => {
  const state = { file: "segproof.live.html", record: record(), asked: 0 };
  await serve(page, state);
  await expect(page.locator("#live")).toHaveText("live");
  state.record.run.id = "newer";
  state.record.findings = state.record.findings.filter((f) => f.subject.namespace === "payments").slice(0, 2);
  await page.clock.fastForward(31_000);
  await expect(page.locator("#footer")).toContainText("run newer");
  await expect(page.locator("#finding-count")).toHaveText("2 findings of 2");
  expect(page.url()).toContain("ns=payments");
});

test("a server that is away is said, and what is shown stays", async ({ page }) => {
  const state = { file: "segproof.live.html", record: record(), asked: 0 };
  await serve(page, state);
  await page.route("http://page.test/report.json", (route) => route.fulfill({ json: { schema: "something else" } }));
  await page.clock.fastForward(31_000);
  await expect(page.locator("#live.warn")).toContainText("not live: the server handed out a record of another version");
  await expect(page.locator("#findings .finding").first()).toBeVisible();
});

test("a page that is not live asks nothing, though a server hands it out", async ({ page }) => {
  const state = { file: "segproof.html", record: record(), asked: 0 };
  await serve(page, state);
  await page.clock.fastForward(120_000);
  await expect(page.locator("#live")).toBeHidden();
  expect(state.asked).toBe(0);
});

test("a live page that was saved to a file asks nothing", async ({ page }) => {
  await page.clock.install();
  await page.goto(address("segproof.live"));
  await page.clock.fastForward(120_000);
  await expect(page.locator("#live")).toBeHidden();
});
