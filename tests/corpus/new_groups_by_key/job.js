group($.data, 'site.district', state => {
  state.counts = Object.fromEntries(Object.entries(state.data).map(([district, rows]) => [district, rows.length]));
  return state;
});
