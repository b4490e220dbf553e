function outcome(code) {
  switch (code) {
    case "1":
    case 1:
      return LABELS.alive;
    case "2":
      return LABELS.dead;
    default:
      return "Unknown (" + code + ")";
  }
}
var LABELS = { alive: "Alive", dead: "Dead" };

alterState(state => {
  state.data = state.data.map(function (row) {
    return Object.assign({}, row, { outcome: outcome(row.code) });
  });
  return state;
});
