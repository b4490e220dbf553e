fn(state => {
  const price = `$${state.data.amount}`;
  const $row = state.data;
  return { ...state, price, literal: '$.data.amount', $row: $row.amount, cents: 'US$ 5'.replace('$', '€') };
});
fn(state => ({ ...state, picked: ['$.data'].length, all: source('$.data.list[*].$id')(state) }));
