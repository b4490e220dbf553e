each(
  '$.data[*]',
  fn(state => {
    if (state.data < 0) throw new RangeError(`${state.data} is negative`);
    return { ...state, roots: [...(state.roots ?? []), Math.sqrt(state.data)] };
  }).catch((error, state) => {
    state.failed = [...(state.failed ?? []), `${error.name}: ${error.message}`];
    return state;
  })
);
