map('$.data.rows[*]', (row, index, state) => ({ ...row, index, country: state.country }));
as('names', fn(state => ({ ...state, data: state.data.map(row => row.name) })));
