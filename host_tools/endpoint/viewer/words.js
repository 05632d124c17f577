// Texts of a figure as a person reads them: names without markup, units, and numbers with as many digits as help.

// What plotly.js takes for markup; anything else between < and > is text.
const TAGS = /<\/?(?:a|b|br|em|i|s|span|strong|sub|sup|u)(?:\s[^<>]*)?\/?>/gi;
const decoder = document.createElement("textarea"); // whose content is text, whatever it looks like

/** Without markup, and with "&deg;" as a degree sign. */
export function plain(text) {
  const words = String(text ?? "").replace(TAGS, "");
  if (!words.includes("&")) return words;
  decoder.innerHTML = words.replaceAll("<", "&lt;");
  return decoder.value;
}

const PREFIXED = /^[kMGTmµμnpcdh]?(?:m|g|s|A|V|VA|W|Wh|J|Pa|bar|Hz|l|Ω|ohm|B|bit|lx|lm|cd|K|Bq|Sv)$/;
const UNITS = new Set([
  "1", "%", "‰", "°", "°C", "°F", "℃", "ppm", "ppb", "dB", "dBm", "dBA", "min", "h", "rpm", "RPM", "lux", "cpm", "kn", "mph", "ft", "psi", "cal", "kcal",
  "eV", "KiB", "MiB", "GiB", "TiB", "bps", "kbps", "Mbps", "px", "inHg", "mmHg", "NTU",
]);
const isUnit = (word) => UNITS.has(word) || PREFIXED.test(word.replace(/(?:⁻?[¹²³]|[23])$/, ""));

/** The unit, when the title of the trace's axis is one ("°C", "km/h") or ends with one ("Temperature (°C)"). */
export function unit(axisTitle) {
  const title = plain(axisTitle).trim();
  const bracketed = /[([]([^()[\]]{1,8})[)\]]$/.exec(title)?.[1];
  if (bracketed) return /^[A-Z]{3,}$/.test(bracketed) && !isUnit(bracketed) ? "" : bracketed; // a name, such as ADC
  return title !== "1" && title.split("/").every(isUnit) ? title : "";
}

const LATEST = 50; // values that decide how many decimals are shown
const DIGITS = 6; // more than these help nobody at a glance
const FINEST = 1e-6;

const decimals = (number) => /\.(\d+)$/.exec(String(Number(number.toPrecision(DIGITS))))?.[1].length ?? 0;

/** The last of the values, with as many decimals as its neighbours have, so that it does not jump to and fro. */
export function reading(values) {
  const last = values.at(-1);
  if (typeof last !== "number") return last === undefined || last === null ? "–" : String(last);
  const numbers = values.slice(-LATEST).filter((value) => typeof value === "number");
  const largest = Math.max(...numbers.map(Math.abs));
  if (largest > 1e15 || (largest > 0 && largest < FINEST)) return String(Number(last.toPrecision(DIGITS)));
  const places = DIGITS - 1 - Math.floor(Math.log10(Math.max(largest, FINEST)));
  return last.toFixed(Math.max(0, Math.min(places, Math.max(...numbers.map(decimals)))));
}
