fn(state => {
  const { data } = state;
  const zero = data.count ?? 7;
  const missing = data.patient?.address?.[0]?.city ?? 'unknown';
  const called = data.toFixed?.(2);
  let label = data.label;
  label ||= 'empty';
  data.flags ??= {};
  data.flags.checked &&= true;
  delete data.patient?.address;
  return { ...state, zero, missing, called: called === undefined, label, power: 2 ** 10, million: 1_000_000 };
});
