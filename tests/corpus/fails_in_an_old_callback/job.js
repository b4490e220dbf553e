get('/forms', {}, state => {
  state.total = state.data.forms.length;
  return state;
});
