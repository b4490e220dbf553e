get('/api/v1/cases', { query: { limit: 2, type: 'visit' } });

fn(state => ({
  ...state,
  data: state.data.objects.map(({ id, properties: { name, ...rest } }) => ({ id, name, rest })),
}));
