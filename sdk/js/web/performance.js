// performance.now, in milliseconds since it was first asked. Marks and measures are taken and forgotten.

let origin;

export const performance = {
  now() {
    origin ??= Date.now();
    return Date.now() - origin;
  },

  get timeOrigin() {
    origin ??= Date.now();
    return origin;
  },

  mark() {},
  measure() {},
  clearMarks() {},
  clearMeasures() {},
  getEntries: () => [],
  getEntriesByName: () => [],
  getEntriesByType: () => [],
};
