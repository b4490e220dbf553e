post('/oauth/token', 'grant_type=client_credentials&scope=a%20b', {
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
});
get('/search', { query: { q: 'a & b', tags: ['x', 'y'], n: 0 }, headers: { 'X-Count': 3 } });
