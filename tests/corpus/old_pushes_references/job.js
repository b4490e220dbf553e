alterState(state => {
  state.references.push(state.data);
  return state;
});
alterState(state => composeNextState(state, { replaced: true }));
alterState(state => ({ ...state, second: state.references[1].n, count: state.references.length }));
