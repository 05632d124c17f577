// What can be drawn of a figure, here and without the internet: old names become their successors, the rest is left out and told.
// It imports nothing: images.py puts it into the pages that draw pictures, too.

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isAddress = (value) => typeof value === "string" && !value.startsWith("data:");

const SUCCESSORS = {
  area: "barpolar", contourgl: "contour", heatmapgl: "heatmap", histogramx: "histogram", histogramy: "histogram", pointcloud: "scattergl",
  scattermapbox: "scattermap", densitymapbox: "densitymap", choroplethmapbox: "choroplethmap",
};
const MAPS = ["scattermap", "densitymap", "choroplethmap"];
const GEOS = ["scattergeo", "choropleth"];
// plotly.js 3 stopped reading titles that are texts with attributes beside them.
const BESIDE_TITLE = { titlefont: "font", titleside: "side", titleposition: "position", titleoffset: "offset" };
const PLAIN = ["customdata", "geojson", "ids", "meta"]; // whose objects are no attributes

/** A copy that plotly.js may write into; lists of plain values are shared. */
function modern(value) {
  if (Array.isArray(value)) return value.some(isNested) ? value.map(modern) : value;
  if (!isObject(value)) return value;
  const copy = {};
  for (const [key, item] of Object.entries(value)) copy[key] = PLAIN.includes(key) ? item : modern(item);
  return withTitle(copy);
}

const isNested = (value) => isObject(value) || (Array.isArray(value) && value.some(isObject));

function withTitle(object) {
  if (typeof object.title === "string") object.title = { text: object.title };
  for (const [old, key] of Object.entries(BESIDE_TITLE)) {
    if (!(old in object)) continue;
    const own = isObject(object[old]) ? { ...object[old], ...object.title?.[key] } : object.title?.[key] ?? object[old];
    object.title = { ...object.title, [key]: own };
    delete object[old];
  }
  return object;
}

/** A trace by the name that plotly.js knows today, with its attributes in their present places. */
function successor(trace) {
  const type = SUCCESSORS[trace.type] ?? trace.type;
  const renamed = type === trace.type ? trace : { ...trace, type };
  if (trace.type === "area" || ((type ?? "scatter") === "scatter" && trace.r && trace.t)) {
    return { ...renamed, type: trace.type === "area" ? type : "scatterpolar", theta: trace.theta ?? trace.t };
  }
  if (trace.type === "pointcloud") return points(renamed);
  if (MAPS.includes(type) && trace.subplot) return { ...renamed, subplot: String(trace.subplot).replace("mapbox", "map") };
  return renamed;
}

/** A pointcloud may give its points as x0, y0, x1, y1 .. */
function points({ xy, xbounds, ybounds, ...trace }) {
  const pairs = Array.isArray(xy) && { x: xy.filter((_, at) => at % 2 === 0), y: xy.filter((_, at) => at % 2) };
  return { ...trace, ...pairs, mode: "markers" };
}

function renamedLayout(layout) {
  const renamed = Object.entries(layout).map(([key, value]) => [key.replace(/^mapbox(\d*)$/, "map$1"), value]);
  const { radialaxis, angularaxis, ...rest } = Object.fromEntries(renamed);
  if (!radialaxis && !angularaxis) return rest;
  return { ...rest, polar: { ...(radialaxis && { radialaxis }), ...(angularaxis && { angularaxis }), ...rest.polar } };
}

// What would be fetched from other servers

const SHAPES = ["land", "coastlines", "ocean", "lakes", "rivers", "countries", "subunits"];
const REGIONS = ["world", "usa", "europe", "asia", "africa", "north-america", "south-america", "antarctica", "oceania"];

/** plotly.js takes the shapes of countries from here, and asks Plotly's servers for what it does not find. */
function forgetCountries() {
  const objects = Object.fromEntries(SHAPES.map((name) => [name, { type: "GeometryCollection", geometries: [] }]));
  for (const region of REGIONS) {
    for (const scale of [110, 50]) globalThis.PlotlyGeoAssets.topojson[`${region}_${scale}m`] = { type: "Topology", objects, arcs: [] };
  }
}

const NUMBERS = new Intl.ListFormat("en");

/** Traces whose shapes are known only by the name of a country, or by an address. */
function withoutFarShapes(data, remarks) {
  const left = [];
  const shown = data.map((trace, index) => {
    const far = [...GEOS, "choroplethmap"].includes(trace.type) && trace.locations && !isObject(trace.geojson);
    if (!far || trace.visible === false) return trace;
    left.push(String(index + 1));
    return { ...trace, visible: false };
  });
  if (left.length) remarks.push(`Left out: trace ${NUMBERS.format(left)}, whose shapes would come from the internet.`);
  return shown;
}

function noteCountries(data, layout, remarks) {
  const ids = new Set(data.filter((trace) => GEOS.includes(trace.type) && trace.visible !== false).map((trace) => trace.geo ?? "geo"));
  const asked = (geo) => SHAPES.some((name) => geo[`show${name}`]);
  if ([...ids].some((id) => asked({ ...layout.template?.layout?.geo, ...layout[id] }))) {
    remarks.push("Left out: land, coasts and borders, which would come from the internet.");
  }
}

const isLocalStyle = (style) => style === "white-bg" || (isObject(style) && Object.keys(style.sources ?? {}).length === 0 && !style.glyphs && !style.sprite);

/** Street maps are fetched tile by tile: what is drawn on them is drawn on an empty ground. */
function withoutStreets(data, layout, background, remarks) {
  const ids = new Set(data.filter((trace) => MAPS.includes(trace.type)).map((trace) => trace.subplot ?? "map"));
  if (!ids.size) return layout;
  const ground = { version: 8, sources: {}, layers: [{ id: "ground", type: "background", paint: { "background-color": background } }] };
  const own = (map) => ({
    ...map,
    style: isLocalStyle(map?.style) && map.style !== "white-bg" ? map.style : ground,
    ...(Array.isArray(map?.layers) && { layers: map.layers.filter((layer) => isObject(layer?.source)) }),
  });
  if ([...ids].some((id) => !isLocalStyle(layout[id]?.style))) remarks.push("Left out: the street map, which would come from the internet.");
  return { ...layout, ...Object.fromEntries([...ids].map((id) => [id, own(layout[id])])) };
}

/** The letters on a map are fetched, too. */
function withoutLetters(data, remarks) {
  const isLettered = ({ type, mode }) => type === "scattermap" && typeof mode === "string" && mode.includes("text");
  if (data.some(isLettered)) remarks.push("Left out: the texts on the map, whose letters would come from the internet.");
  return data.map((trace) => (isLettered(trace) ? { ...trace, mode: trace.mode.replace(/\+?text\+?/, "") || "markers" } : trace));
}

function withoutFarImages(layout, remarks) {
  const near = layout.images?.filter?.((image) => !isAddress(image?.source));
  if (!near || near.length === layout.images.length) return layout;
  remarks.push("Left out: images at addresses outside of this endpoint.");
  return { ...layout, images: near };
}

function noteTransforms(data, remarks) {
  if (data.some((trace) => trace.transforms?.length)) remarks.push("Left out: transforms, which plotly.js no longer does.");
}

/** The figure as it can be drawn, in `figure`, and in `remarks` a sentence for each kind of thing that is left out. */
export function drawable(given, background = "#ffffff") {
  const remarks = [];
  let { data, layout } = given;
  data = data.map((trace) => modern(successor(trace)));
  layout = modern(renamedLayout(layout));
  forgetCountries();
  noteTransforms(data, remarks);
  data = withoutLetters(withoutFarShapes(data, remarks), remarks);
  noteCountries(data, layout, remarks);
  layout = withoutFarImages(withoutStreets(data, layout, background, remarks), remarks);
  return { figure: { ...given, data, layout }, remarks };
}
