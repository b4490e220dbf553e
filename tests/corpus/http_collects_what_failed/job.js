each(
  $.data,
  post('/cases', $.data)
    .catch((error, state) => {
      state.failures ??= [];
      state.failures.push({ row: state.index, status: error.statusCode, why: error.body?.message ?? null });
      return state;
    })
);

fnIf(
  $.failures?.length > 0,
  post('/alerts', state => ({ failed: state.failures.length, rows: state.failures.map(f => f.row) }))
);

fn(({ failures }) => ({ failures }));
