each(
  '$.data[*]',
  fn(state => {
    const { district, cases } = state.data;
    state.sums ??= {};
    state.sums[district] = (state.sums[district] ?? 0) + cases;
    return state;
  })
);
