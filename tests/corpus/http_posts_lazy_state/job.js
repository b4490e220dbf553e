fn(state => {
  state.payload = { resourceType: 'Patient', active: true, name: [{ family: state.data.surname, given: [state.data.name] }] };
  return state;
});

post('/fhir/Patient', $.payload, { headers: { 'Content-Type': 'application/fhir+json', Prefer: 'return=representation' }, parseAs: 'json' });

fn(state => ({ ...state, created: state.data.id, status: state.response.statusCode }));
