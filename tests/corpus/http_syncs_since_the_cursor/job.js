cursor($.cursor, { defaultValue: '2024-01-01T00:00:00Z' });

get('/api/v2/assets/form1/data', {
  query: state => ({ query: JSON.stringify({ _submission_time: { $gte: state.cursor } }), sort: '{"_id":1}' }),
  headers: { Authorization: state => `Token ${state.configuration.token}` },
});

fn(state => {
  const last = state.data.results.at(-1);
  return { cursor: last?._submission_time ?? state.cursor, data: state.data.results.map(r => r._id) };
});
