each(
  merge(
    dataPath("children[*]"),
    fields(
      field("mother", dataValue("mother.name")),
      field("visit", dataValue("visit_id"))
    )
  ),
  alterState(state => {
    if (!state.rows) state.rows = [];
    state.rows.push(state.data);
    return state;
  })
);
