alterState(state => {
  state.data.seen = true;
});

alterState(state => ({ ...state, keys: Object.keys(state) }));
