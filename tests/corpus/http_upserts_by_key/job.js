// Which of the incoming rows exist already?
get('/rows');
fn(state => {
  const existing = new Set(state.data.map(row => row.key));
  const incoming = state.references[0].rows;
  state.create = incoming.filter(row => !existing.has(row.key));
  state.update = incoming.filter(({ key }) => existing.has(key));
  return state;
});
each($.create, post('/rows', $.data));
each($.update, patch(`/rows/${$.data.key}`, { n: $.data.n, at: $.index }));
fn(({ create, update }) => ({ created: create.length, updated: update.length }));
