const load = id => get(`/units/${id}`);

fn(async state => {
  await Promise.resolve();
  const next = await load(state.data.id)(state);
  return next;
});
