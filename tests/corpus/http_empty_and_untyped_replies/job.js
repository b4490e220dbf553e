del('/items/9');
fn(state => ({ ...state, status: state.response.statusCode, nothing: state.data == null || state.data === '' }));
get('/list');
