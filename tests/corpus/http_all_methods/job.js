put('/items/1', { name: 'one' });
patch('/items/1', state => ({ seen: state.data.ok }));
del('/items/1');
request('GET', '/items', { query: { ids: [1, 2] } });
fn(state => ({ data: state.data, references: state.references }));
