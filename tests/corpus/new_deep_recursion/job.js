const depthOf = node => (node.child ? 1 + depthOf(node.child) : 1);
const flatten = unit => [unit.name, ...(unit.children ?? []).flatMap(flatten)];

fn(state => {
  let node = { name: 'leaf' };
  for (let i = 0; i < 600; i++) node = { name: i, child: node };
  return { ...state, depth: depthOf(node), units: flatten(state.data) };
});

fn(state => {
  const forever = n => forever(n + 1) + 1;
  try {
    forever(0);
  } catch (error) {
    state.stopped = error instanceof RangeError;
  }
  return state;
});
