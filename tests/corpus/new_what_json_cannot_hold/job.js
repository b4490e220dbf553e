fn(state => {
  const next = {
    ...state,
    date: new Date(0),
    missing: undefined,
    helper: () => 1,
    list: [undefined, () => 1, NaN, Infinity, -0],
    map: new Map([[1, 2]]),
    regex: /x/g,
    nested: { toJSON() { return 'own way'; } },
  };
  next.self = next.data;
  next.data.parent = next.data;
  return next;
});
