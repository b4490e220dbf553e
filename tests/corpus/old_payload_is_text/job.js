alterState(state => {
  state.data = JSON.parse(state.data.payload);
  state.size = JSON.stringify(state.data).length;
  try {
    JSON.parse("{broken");
  } catch (e) {
    state.parseFailed = e.name;
  }
  return state;
});
