fn(state => {
  return { ...state, data: JSON.parse(state.data) };
});
