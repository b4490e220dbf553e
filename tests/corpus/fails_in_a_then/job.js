fn(state => state).then(state => ({ ...state, ok: true })).then(state => {
  return state.data.count.toFixed(1);
});
