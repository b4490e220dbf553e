each($.data.orders, fn(state => {
  state.lines ??= [];
  state.lines.push(`${state.data.sku} x ${state.data.qty}`);
  return state;
}));

fnIf($.lines.length > 1, fn(state => ({ ...state, many: true })));
fnIf($.nothing?.at?.all, fn(state => ({ ...state, wrong: true })));
log('lines', $.lines);
assert($.lines.length === 2, 'two lines are expected');
