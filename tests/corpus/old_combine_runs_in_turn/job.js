combine(
  alterState(state => ({ ...state, trail: ["first"] })),
  alterState(state => { state.trail.push("second"); return state; }),
  alterState(state => { state.trail.push(state.data.word); return state; })
)
