import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const top = here + "../..";
export const folder = here + "pages.out/";

// The pages are written by the reporter itself, from the canonical report, from
// the recording that the demo audits, and of a large cluster.
export default function () {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const env = { ...process.env, CGO_ENABLED: "0" };
  const run = (command, args, cwd) => execFileSync(command, args, { cwd, env, stdio: ["ignore", "ignore", "inherit"] });
  run("go", ["build", "-o", folder + "segproof", "./cmd/segproof"], top);
  run(folder + "segproof", ["demo"], folder);
  run("go", ["-C", "test", "run", "./page/pages", folder, folder + "segproof.json", top + "/reporters/testdata/report.json"], top);
}
