each('$.data.visits[?(@.age > 5 && @.type != "test")]', alterState(state => {
  state.older = (state.older || []).concat(state.data.id);
  return state;
}));
alterState(state => {
  const deep = source("$..code")(state);
  const last = source("$.all[-1:]")(state);
  const pair = source("$.all[0,2]")(state);
  return { ...state, deep, last, pair };
});
