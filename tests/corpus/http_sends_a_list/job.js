post('/bulk', state => JSON.stringify(state.data.rows.map(row => ({ ...row, at: '2024-01-01' }))), {
  headers: { 'Content-Type': 'application/json' },
});
put('/text', 'plain words', { headers: { 'Content-Type': 'text/plain' } });
patch('/nested', { list: [$.data.ok, { deep: $.data.ok }], fixed: null });
fn(({ data, references }) => ({ data, references: references.length }));
