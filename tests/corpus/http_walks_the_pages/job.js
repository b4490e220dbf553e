const fetchPage = async (state, path, rows = []) => {
  const next = await get(path)(state);
  const all = [...rows, ...next.data.results];
  return next.data.next ? fetchPage(state, next.data.next, all) : { ...state, data: all };
};

fn(state => fetchPage(state, '/submissions?start=0'));
fn(state => ({ ...state, total: state.data.length }));
