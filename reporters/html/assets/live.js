// A page that a server hands out looks for a newer record; a file asks nothing
// of anybody.
const every = 30_000;

function followRecord() {
  if (document.body.dataset.live !== "true" || !location.protocol.startsWith("http")) return;
  document.getElementById("live").hidden = false;
  said("live");
  setInterval(lookAgain, every);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && lookAgain());
}

let looking = false;

async function lookAgain() {
  if (looking || document.visibilityState === "hidden") return;
  looking = true;
  try {
    const answer = await fetch("report.json", { cache: "no-cache", credentials: "same-origin" });
    if (!answer.ok) throw new Error("answered " + answer.status);
    const record = await answer.json();
    if (!/^segproof\.dev\/report\/v1$/.test(record.schema)) throw new Error("handed out a record of another version; load the page again");
    if (record.run?.id !== page.report.record.run?.id) show(record);
    said("live");
  } catch (err) {
    said(`not live: the server ${err instanceof TypeError ? "can’t be reached" : err.message}; shown is the audit of ${at(page.report.record.run?.ended)}`, "warn");
  } finally {
    looking = false;
  }
}

function said(text, mood = "") {
  const live = document.getElementById("live");
  if (live.textContent !== text) live.textContent = text;
  live.className = mood;
}
