import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

// The browser is Debian's, or the one that CHROMIUM names.
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
if (!existsSync(executablePath)) throw new Error(`no browser at ${executablePath}\ninstall Debian's package chromium, or say in CHROMIUM where one is`);

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  globalSetup: "./pages.mjs",
  workers: 1,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: "list",
  use: {
    viewport: { width: 1400, height: 900 },
    actionTimeout: 10_000,
    launchOptions: { executablePath, args: ["--no-sandbox"] },
  },
});
