get('/a');
get('/b');
fn(state => ({
  ...state,
  before: state.references,
  first: lastReferenceValue('x')(state),
}));
