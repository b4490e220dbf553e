each(
  dataPath('districts[*]'),
  get(state => `/districts/${state.data}/facilities`).then(
    each('$.data.facilities[*]', fn(state => {
      state.facilities = [...(state.facilities || []), state.data.name];
      return state;
    }))
  )
);
fn(({ facilities }) => ({ facilities }));
