fn(state => state);

each(
  '$.data[*]',
  post('/rows', state => state.data)
);
