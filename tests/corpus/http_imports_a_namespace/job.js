import * as http from '@openfn/language-http';

http.get('/status');
http.fn(state => ({ ...state, up: state.data.status === 'ok' }));
http.post('/report', $.data).then(state => ({ ...state, told: true }));
