const index = (rows, key) => new Map(rows.map(row => [row[key], row]));

get('/patients').then(state => ({ ...state, patients: state.data }));
get('/encounters').then(state => ({ ...state, encounters: state.data }));

fn(({ patients, encounters, ...state }) => {
  const byId = index(patients, 'uuid');
  const [known, orphans] = encounters.reduce(
    ([yes, no], encounter) => (byId.has(encounter.patient) ? [[...yes, encounter], no] : [yes, [...no, encounter]]),
    [[], []]
  );
  return {
    data: known.map(({ patient, type }) => `${byId.get(patient).display}: ${type}`),
    orphans: orphans.map(({ uuid }) => uuid),
  };
});
