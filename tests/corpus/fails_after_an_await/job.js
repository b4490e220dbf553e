fn(async state => {
  await new Promise(resolve => setTimeout(resolve, 1));
  const rows = await Promise.resolve(state.data.rows);
  return { ...state, first: rows[0].id };
});
