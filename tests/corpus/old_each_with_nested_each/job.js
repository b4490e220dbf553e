each(
  "$.data.households[*]",
  combine(
    alterState(state => {
      state.household = state.data.id;
      return state;
    }),
    each(
      dataPath("members[*]"),
      alterState(state => {
        state.people = state.people || [];
        state.people.push({ household: state.household, name: state.data.name, position: state.index });
        return state;
      })
    )
  )
);
