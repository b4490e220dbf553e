get('/Patient', { query: { identifier: $.data.mrn }, parseAs: 'json' });

fnIf(
  $.data.total === 0,
  post('/Patient', state => ({ resourceType: 'Patient', identifier: [{ value: state.references.at(-1).mrn }] }))
);

fnIf(
  $.data.total > 0,
  put(
    state => `/Patient/${state.data.entry[0].resource.id}`,
    state => ({ ...state.data.entry[0].resource, telecom: [{ value: state.references.at(-1).phone }] }),
    { parseAs: 'json' }
  )
);
