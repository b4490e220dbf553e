fn(state => {
  const { value: submissions } = state.data;
  const encounters = [];
  for (const { __id, __system: { submitterName, submissionDate }, visit: { services, ...visit } } of submissions) {
    for (const service of services?.split(' ') ?? []) {
      encounters.push({ id: `${__id}#${service}`, by: submitterName, date: submissionDate, ...visit });
    }
  }
  return { ...state, data: {}, encounters };
});
