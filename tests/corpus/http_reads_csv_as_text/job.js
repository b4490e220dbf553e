get('/export.csv', { parseAs: 'text' });
parseCsv($.data, { delimiter: ',' });
fn(state => ({ rows: state.data.map(r => ({ ...r, cases: +r.cases })), before: typeof state.references.at(-1) }));
