const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

async function slowly(value) {
  await sleep(5);
  return value * 2;
}

fn(async state => {
  const doubled = await Promise.all(state.data.map(slowly));
  const raced = await Promise.race([sleep(50).then(() => 'slow'), slowly(2)]);
  const settled = await Promise.allSettled([Promise.reject(new Error('no')), slowly(1)]);
  return { ...state, doubled, raced, settled: settled.map(s => s.status) };
});

fn(async state => {
  const order = [];
  setTimeout(() => order.push('timer'), 1);
  await null;
  order.push('microtask');
  await sleep(10);
  for await (const n of [slowly(10), 21]) order.push(n);
  return { ...state, order };
});
