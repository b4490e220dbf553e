fn(async state => {
  const { facility, rows } = state.data;
  if (rows.length === 0) {
    throw new Error(
      `Facility ${facility.name} sent nothing ` +
        `on ${await Promise.resolve(facility.day)}: ` +
        JSON.stringify(state.data),
    );
  }
  return state;
});
