cursor($.cursor, { defaultValue: '2020-01-01T00:00:00.000Z' });

fn(state => {
  const since = new Date(state.cursor);
  const fresh = state.data.filter(row => new Date(row.updated) > since);
  return { ...state, fresh: fresh.map(row => row.id), newest: fresh.map(row => row.updated).sort().at(-1) };
});

cursor($.newest, { key: 'lastSync', format: value => value.slice(0, 10) });
