// DHIS2 takes 2 events a request here; the rest of the district goes in the next one
const BATCH = 2;

fn(state => {
  const events = state.data.visits.map(({ ou, date, ...values }) => ({
    orgUnit: ou,
    eventDate: date,
    dataValues: Object.entries(values).map(([dataElement, value]) => ({ dataElement, value })),
  }));
  return { ...state, batches: chunk(events, BATCH) };
});

each(
  '$.batches[*]',
  post('/api/events', state => ({ events: state.data }), { query: { strategy: 'CREATE_AND_UPDATE' } }).then(state => {
    state.imported = (state.imported ?? 0) + state.data.response.imported;
    return state;
  })
);

fn(({ imported, batches }) => ({ imported, batches: batches.length }));
