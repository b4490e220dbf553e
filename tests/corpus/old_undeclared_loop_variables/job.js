alterState(state => {
  sum = 0;
  for (i = 0; i < state.data.values.length; i++) {
    sum += state.data.values[i];
  }
  state.sum = sum;
  return state;
});
