fn(state => {
  state.data.done = true;
});
fn(state => ({ ...state, started: Object.keys(state).length }));
