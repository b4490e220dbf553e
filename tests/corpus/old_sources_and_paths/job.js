alterState(state => {
  const first = sourceValue("$.data.items[0].sku")(state);
  const all = source("$.data.items[*].sku")(state);
  const path = dataPath("items[*]");
  const last = lastReferenceValue("id")(state);
  const refs = referencePath("[0]");
  const json = jsonValue({ a: { b: [10, 20] } }, "a.b[1]");
  return { first, all, path, last, refs, json, whole: dataValue("items.length")(state) };
});
