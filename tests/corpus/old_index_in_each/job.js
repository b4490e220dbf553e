each(
  dataPath("repeat_group[*]"),
  alterState(state => {
    state.out = state.out || {};
    state.out["row_" + index()(state)] = dataValue("answer")(state);
    return state;
  })
);
