fn(({ data: { patients = [], ...meta }, ...rest }) => {
  const [first, second = { id: 'nobody' }, ...others] = patients;
  const { id: firstId, name: { given: [givenName] = [], family } = {} } = first;
  return {
    ...rest,
    data: { meta, firstId, givenName, family, second: second.id, others: others.length, max: Math.max(...patients.map(p => p.age)) },
  };
});
