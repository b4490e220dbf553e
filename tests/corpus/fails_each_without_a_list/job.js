fn(state => state);

each('$.data.rows', fn(state => state));
each(state => state.data.rows, fn(state => state));
