get('/people/404')
  .catch((error, state) => ({ ...state, data: { found: false, status: error.statusCode, body: error.body } }))
  .then(state => ({ ...state, checked: true }));

get('/people/again').catch((error, state) => ({ ...state, status: error.statusCode, body: error.body }));
