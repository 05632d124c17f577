// Attributes by path, such as "marker.size" or "annotations[0].text".

export const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

const steps = (path) => path.replace(/\[(\d+)\]/g, ".$1").split(".");
const held = (holder, step) => (holder !== null && typeof holder === "object" && Object.hasOwn(holder, step) ? holder[step] : undefined);

/** Undefined where the path leads nowhere. */
export const valueAt = (object, path) => steps(path).reduce(held, object);

function shallow(value) {
  if (Array.isArray(value)) return [...value];
  return isObject(value) ? { ...value } : {};
}

/** A copy of an object with the changes, null takes an attribute away; what is not on their paths is shared with the original. */
export function overlay(object, changes) {
  const copy = { ...object };
  for (const [path, value] of Object.entries(changes)) {
    const before = steps(path);
    const last = before.pop();
    let holder = copy;
    for (const step of before) holder = holder[step] = shallow(held(holder, step));
    if (value === null) delete holder[last];
    else holder[last] = value;
  }
  return copy;
}

/** The values of an object by their paths; what is in a list is one value. */
export function leaves(object, prefix = "") {
  return Object.entries(object).flatMap(([key, value]) => (isObject(value) ? leaves(value, `${prefix}${key}.`) : [[prefix + key, value]]));
}
