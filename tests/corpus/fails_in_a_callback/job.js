fn(state => ({ ...state, ready: true }));

fn(state => {
  const name = state.data.patient.name.given[0];
  return { ...state, name };
});
