fn(state => {
  const byId = new Map(state.data.map(row => [row.id, row]));
  const unique = [...new Set(state.data.map(row => row.type))].sort();
  const sorted = [...state.data].sort((a, b) => a.type.localeCompare(b.type) || b.n - a.n);
  const totals = state.data.reduce((sums, { type, n }) => ({ ...sums, [type]: (sums[type] ?? 0) + n }), {});
  return { ...state, size: byId.size, two: byId.get(2).n, unique, order: sorted.map(r => r.id), totals, last: state.data.findLast(r => r.type === 'a').id };
});
