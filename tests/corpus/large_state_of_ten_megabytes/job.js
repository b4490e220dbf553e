fn(state => {
  for (const record of state.data.records) {
    record.village = record.village.toUpperCase();
  }
  return { ...state, count: state.data.records.length };
});
