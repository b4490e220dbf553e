each(
  state => state.data.filter(row => row.send),
  fn(async state => {
    await new Promise(done => setTimeout(done, 2));
    return { ...state, sent: [...(state.sent ?? []), state.data.id] };
  }).then(state => ({ ...state, last: state.data.id }))
);
