get("/forms", { query: { since: dataValue("since") }, headers: { Accept: "application/json" } }, state => {
  return { ...state, names: state.data.map(f => f.name) };
});

each("$.data[*]", get(state => `/forms/${state.data.id}`, {}, state => {
  state.versions = (state.versions || []).concat(state.data.version);
  return state;
}));
