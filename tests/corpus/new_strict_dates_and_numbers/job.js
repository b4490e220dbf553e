fn(state => {
  const parsed = state.data.map(Number.parseFloat);
  return {
    ...state,
    parsed: parsed.map(n => (Number.isNaN(n) ? null : n)),
    money: (1234.5).toFixed(2),
    padded: String(7).padStart(3, '0'),
    hex: parseInt('ff', 16),
    rounded: Math.round(-2.5),
    big: String(2n ** 64n),
    utc: Date.UTC(2024, 1, 29),
    iso: new Date(Date.UTC(2024, 1, 29, 12)).toISOString(),
    json: JSON.stringify({ d: new Date(0), u: undefined, n: null }),
    entries: Object.entries("ab".split("")).flat(),
  };
});
