import { AxeBuilder } from "@axe-core/playwright";
import { availableParallelism, loadavg } from "node:os";
import { address, expect, open, ready, test } from "../fixture.mjs";

// serious is what axe-core finds that hinders somebody seriously.
async function serious(page) {
  // Legacy mode is for a page without frames, as this one is: it opens no second page.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  return violations.filter((v) => ["serious", "critical"].includes(v.impact))
    .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`);
}

for (const colorScheme of ["light", "dark"]) {
  for (const name of ["segproof", "report", "large"]) {
    test(`axe-core has nothing serious to say of ${name}, ${colorScheme}, with much opened`, async ({ page }) => {
      test.setTimeout(240_000);
      await page.emulateMedia({ colorScheme });
      await open(page, name, name === "large" ? "node=ns%2Fteam-03" : "arrow=Deployment%2Fmonitoring%2Fprometheus~Deployment%2Fpayments%2Fpayments-api");
      for (const summary of await page.locator("details.arrows > summary, details.legend > summary, #finding-list .finding:nth-child(-n+4) > summary, #panel .policy > summary").all()) await summary.click();
      expect(await serious(page)).toEqual([]);
    });
  }
}

test("500 workloads and 5,000 conversations can be used within two seconds of opening", async ({ page }) => {
  await open(page, "large"); // once, so that the browser itself has started
  const painted = () => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now())))));
  const [used, mapped] = [[], []];
  for (let i = 0; i < 5; i++) {
    await page.goto("about:blank");
    await page.goto(address("large"));
    await page.locator("#finding-list .finding").first().waitFor({ state: "attached" });
    used.push(await painted());
    await ready(page);
    mapped.push(await painted());
  }
  const [load] = loadavg();
  console.log(`could be used after ${used.map(Math.round).join(", ")} ms, with the map after ${mapped.map(Math.round).join(", ")} ms, at a load of ${load.toFixed(1)} on ${availableParallelism()} processors`);
  // The best of them: what else the machine does is no doing of the page's.
  expect(Math.min(...used)).toBeLessThan(2_000);
  expect(Math.min(...mapped)).toBeLessThan(load > availableParallelism() ? 4_000 : 2_000);
});

test("the page fits a narrow window", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 800 });
  for (const name of ["segproof", "report"]) {
    await open(page, name);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  }
});

test("paper has the findings opened, and no buttons", async ({ page }) => {
  await open(page, "segproof");
  const pdf = await page.pdf({ format: "A4" });
  expect(pdf.length).toBeGreaterThan(20_000);
  await page.emulateMedia({ media: "print" });
  // Paper does not wait: what is to be on it is there when the event is over.
  const [all, told] = await page.evaluate(() => {
    dispatchEvent(new Event("beforeprint"));
    return ["", ":has(.finding-details)"].map((s) => document.querySelectorAll("#finding-list .finding[open]" + s).length);
  });
  expect(all).toBe(15);
  expect(told).toBe(15);
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  await expect(page.locator("#finding-list .finding[open]")).toHaveCount(0);
  await expect(page.locator(".filters")).toBeHidden();
  await expect(page.locator(".tools")).toBeHidden();
});

test("paper says how much of a long list is not on it", async ({ page }) => {
  await open(page, "large");
  await page.emulateMedia({ media: "print" });
  const more = page.locator("#finding-list .more");
  await expect(more).toBeVisible();
  expect(await more.evaluate((e) => getComputedStyle(e, "::after").content)).toMatch(/^"\d+ more are not shown here"$/);
});

test("the map is on paper at once, and light, though the page is dark and was just opened", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto(address("segproof"));
  await page.locator("#finding-list .finding").first().waitFor({ state: "attached" });
  const [card, ink] = await page.evaluate(() => {
    dispatchEvent(new Event("beforeprint"));
    const graph = document.getElementById("graph");
    const ink = [...graph.querySelectorAll("canvas")].map((c) => c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v) => v > 0));
    return [graph._cyreg.cy.$("[?group]").style("background-color"), ink.some(Boolean)];
  });
  expect(card).toBe("rgb(233,237,243)");
  expect(ink).toBe(true);
});

test("the map on paper is as wide as the paper", async ({ page }) => {
  await open(page, "segproof");
  await page.emulateMedia({ media: "print" });
  await page.setViewportSize({ width: 700, height: 900 });
  const wider = await page.locator("#graph").evaluate((g) => Math.max(...[...g.querySelectorAll("canvas")].map((c) => c.getBoundingClientRect().right)) - g.getBoundingClientRect().right);
  expect(wider).toBeLessThanOrEqual(1);
});

test("the map takes the colours of the dark", async ({ page }) => {
  await open(page, "segproof");
  const colour = () => page.evaluate(() => document.getElementById("graph")._cyreg.cy.nodes()[1].style("background-color"));
  const light = await colour();
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(colour).not.toBe(light);
});
