get('/maybe', { errors: { 404: false } });
fn(state => ({ ...state, missing: state.response.statusCode === 404 }));
post('/conflict', { id: 1 }, { errors: false });
fn(state => ({ ...state, conflict: state.data.why }));
