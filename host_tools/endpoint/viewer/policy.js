// What the page's policy lets plotly.js draw. The endpoint widens it for figures that need more (policy.py): a page that is open loads anew.

const FORBIDDEN = new Set(document.body.dataset.forbidden.split(" "));
const PAUSE_MS = 30_000; // a stream may change its mind with every line

export const isForbidden = (data) => data.some((trace) => FORBIDDEN.has(trace.type));

/** False when that was done a moment ago. */
export function reloadWider() {
  if (Date.now() - (history.state?.reloaded ?? 0) < PAUSE_MS) return false;
  history.replaceState({ reloaded: Date.now() }, "");
  location.reload();
  return true;
}
