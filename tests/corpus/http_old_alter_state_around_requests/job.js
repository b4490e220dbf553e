alterState(state => {
  state.lookup = {};
  return state;
});

get("/lookup/villages", {}, function (state) {
  state.data.forEach(v => { state.lookup[v.name.toLowerCase()] = v.code; });
  return state;
});

alterState(state => {
  const submission = state.references[0];
  return { ...state, data: { ...submission, village: state.lookup[submission.village] || "UNKNOWN" } };
});

post("/households", { body: state => state.data, headers: { "Content-Type": "application/json" } });

alterState(({ lookup, references, ...state }) => state);
