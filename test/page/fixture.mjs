import { test as base, expect } from "@playwright/test";
import { folder } from "./pages.mjs";

// A test fails if the page wrote an error or a warning to the console, or asked
// anybody for anything. What is to be answered is routed under page.test.
export const test = base.extend({
  page: async ({ page }, use) => {
    const said = [];
    page.on("console", (m) => ["error", "warning"].includes(m.type()) && said.push(m.text()));
    page.on("pageerror", (e) => said.push(e.stack));
    page.on("request", (r) => {
      const own = r.isNavigationRequest() && r.url().startsWith("file://");
      if (!own && !r.url().startsWith("http://page.test/")) said.push("asked for " + r.url());
    });
    await use(page);
    expect(said).toEqual([]);
  },
});

export { expect, folder };

export const address = (name, fragment = "") => `file://${folder}${name}.html${fragment && "#" + fragment}`;

export async function open(page, name, fragment) {
  await page.goto(address(name, fragment));
  await ready(page);
}

// ready waits until all of the page is there, and the map last.
export async function ready(page) {
  await expect(page.locator("#coverage .content > *").first()).toBeAttached();
  await expect(page.locator("#graph canvas").first()).toBeAttached();
}

// chosen is what the address keeps.
export const chosen = (page) => new URLSearchParams(new URL(page.url()).hash.slice(1));

// onMap is where a node, or the middle of an arrow, is in the window.
export async function onMap(page, id) {
  await page.locator("#graph").scrollIntoViewIfNeeded();
  // The library hears of the scrolling with the next frame, and maps the mouse wrongly until then.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const at = await page.evaluate((id) => {
    const graph = document.getElementById("graph");
    const e = graph._cyreg.cy.getElementById(id);
    const { x, y } = e.isNode() ? e.renderedPosition() : e.renderedMidpoint();
    const { left, top } = graph.getBoundingClientRect();
    // Arrows run through the middle of an unfolded group: its lower left corner is its own.
    return e.isParent() ? { x: left + x - e.renderedOuterWidth() / 2 + 8, y: top + y + e.renderedOuterHeight() / 2 - 8 } : { x: left + x, y: top + y };
  }, id);
  return at;
}

export const nodes = (page) => page.evaluate(() => document.getElementById("graph")._cyreg.cy.nodes().map((n) => n.id()));
