fn(async state => {
  const replies = await Promise.all(state.data.map(id => get(`/units/${id}`)(state)));
  return { ...state, names: replies.map(reply => reply.data.name) };
});
