alterState(state => {
  state.rows = join("$.data.results[*]", "$.data.batch", "batch")(state);
  return state;
});
