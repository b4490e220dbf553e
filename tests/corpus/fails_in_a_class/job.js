class Clinic {
  constructor(row) { this.row = row; }
  get code() { return this.row.code.padStart(4, '0'); }
}

fn(state => {
  state.codes = state.data.map(row => new Clinic(row).code);
  return state;
});
