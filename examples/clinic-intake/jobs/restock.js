// A stock report from ODK Collect: every item below its minimum is ordered, in one request each.

fn(state => {
  const report = state.data['stock-report'];
  const items = Array.isArray(report.item) ? report.item : [report.item];
  const orders = items
    .filter(item => Number(item.on_hand) < Number(item.minimum))
    .map(item => ({ facility: report.facility, item: item.code, quantity: item.minimum * 2 - item.on_hand }));
  console.log(`${orders.length} of ${items.length} items are below their minimum`);
  return { ...state, orders };
});

each(
  '$.orders[*]',
  post('/api/orders', state => state.data)
);
