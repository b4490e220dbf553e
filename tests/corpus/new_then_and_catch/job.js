fn(async state => {
  if (!state.data.approved) throw new Error('not approved');
  return state;
})
  .then(state => ({ ...state, sent: true }))
  .catch(error => ({ reason: error.message }));

fn(state => state).then(state => ({ ...state, second: 'ran' }));

fn(() => {
  const error = new Error('the far side is down');
  error.code = 'DOWN';
  throw error;
}).catch((error, state) => {
  state.errorCode = error.code;
  state.input = state.second;
  return state;
});
