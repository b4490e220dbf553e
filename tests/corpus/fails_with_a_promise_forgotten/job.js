fn(state => {
  const load = async () => { throw new Error('nobody waits for this'); };
  load();
  return { ...state, went: 'on' };
});
fn(state => Promise.reject({ code: 'E1', message: 'a plain object' }));
