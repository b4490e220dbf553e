// ODK-like: a session first, then its token
post('/v1/sessions', state => ({ email: state.configuration.email, secret: state.configuration.secret }));
fn(state => ({ ...state, token: state.data.token }));
get('/v1/projects/1/forms', state => ({ headers: { Authorization: `Bearer ${state.token}` } }));
fn(({ token, ...state }) => state);
