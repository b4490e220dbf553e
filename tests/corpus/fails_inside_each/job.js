each(
  '$.data[*]',
  fn(state => {
    if (!state.data.id) throw new Error(`row ${state.index} has no id`);
    return state;
  })
);
