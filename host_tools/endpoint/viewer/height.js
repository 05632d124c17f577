// The height of the plot: the page's, unless the figure says another or has more rows of subplots than fit.

const SMALLEST = 50, LARGEST = 20_000; // pixels
const ROW = 110; // pixels that a subplot needs to be read

/** How many subplots stand one over the other. */
function rows(layout) {
  const tops = Object.entries(layout).filter(([key]) => /^yaxis\d*$/.test(key)).map(([, axis]) => axis?.domain?.[1] ?? 1);
  return Math.max(layout.grid?.rows ?? 1, new Set(tops).size);
}

export function fitHeight(gd, layout) {
  const own = Number(layout.height);
  gd.style.height = own > 0 ? `${Math.min(Math.max(own, SMALLEST), LARGEST)}px` : "";
  gd.style.minHeight = own > 0 ? "" : `${rows(layout) > 2 ? rows(layout) * ROW : 0}px`;
}
