beta.each(
  "$.data.samples[*]",
  alterState(state => {
    state.labels = [...(state.labels || []), `${state.index}:${state.data.code}`];
    return state;
  })
);

alterState(state => ({ ...state, still: state.data.lab }));
