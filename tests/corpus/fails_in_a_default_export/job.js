const check = state => {
  if (!state.data.ok) throw new TypeError('not ok');
  return state;
};
export default [state => state, check];
