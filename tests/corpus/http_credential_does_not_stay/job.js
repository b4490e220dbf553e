fn(state => ({ ...state, user: state.configuration.username, has: Object.keys(state.configuration).sort() }));
get('/me', { headers: { 'X-Key': $.configuration.key } });
