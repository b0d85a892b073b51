// The address keeps what is chosen: filters, what is unfolded, what is open. It
// is in the fragment, so that it works in a file, and no server learns of it.
const address = {
  chosen: new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : ""),
  listeners: [],

  get(key) {
    return this.chosen.get(key) ?? "";
  },
  list(key) {
    return this.chosen.getAll(key);
  },
  // set changes the address; a value is a text, a list, or nothing.
  set(changes) {
    for (const [key, value] of Object.entries(changes)) {
      this.chosen.delete(key);
      for (const v of [value ?? []].flat()) if (v !== "") this.chosen.append(key, v);
    }
    const hash = this.chosen.toString();
    history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search);
    this.told();
  },
  told() {
    for (const l of this.listeners) l();
  },
};

window.addEventListener("hashchange", () => {
  if (!location.hash.includes("=") && location.hash !== "") return; // the name of a section
  address.chosen = new URLSearchParams(location.hash.slice(1));
  address.told();
});

// A link to a section goes there, and leaves what is chosen.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#']");
  if (!link || link.hash.includes("=")) return;
  event.preventDefault();
  goTo(document.getElementById(link.hash.slice(1)));
});

function goTo(section) {
  section.scrollIntoView();
  section.tabIndex = -1;
  section.focus({ preventScroll: true });
}
