const rename = (from, to) =>
  fn(state => {
    const { [from]: value, ...rest } = state.data;
    return { ...state, data: { ...rest, [to]: value } };
  });

rename('old_id', 'id');
rename('nm', 'name');
