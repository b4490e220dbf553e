alterState(state => {
  const [rest, secret] = splitKeys(state.data.person, ["nin", "phone"]);
  return { rest, secret, batches: chunk(state.data.ids, 3) };
});
