fn(state => {
  const { year, month } = /(?<year>\d{4})-(?<month>\d\d)/.exec(state.data.when).groups;
  const tags = [...state.data.text.matchAll(/#(\p{L}+)/gu)].map(([, tag]) => tag.toLowerCase());
  const swapped = 'Doe, Jane'.replace(/(\w+), (\w+)/, '$2 $1');
  const masked = state.data.text.replaceAll(/\d/g, d => (d > 4 ? 'x' : '-'));
  const behind = 'UGX 500 and KES 700'.match(/(?<=KES )\d+/)[0];
  const parts = state.data.when.split(/[-T:]/, 3);
  return { ...state, year, month, tags, swapped, masked, behind, parts, sticky: /a/y.test('ba') };
});
