parseCsv($.data.csv, { delimiter: ';' });
fn(state => ({ ...state, people: state.data.length, first: state.data[0] }));
parseCsv(state => state.more, { chunkSize: 2 }, (state, rows) => {
  state.chunks = [...(state.chunks ?? []), rows.map(row => row.id)];
  return state;
});
