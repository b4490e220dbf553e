class Register {
  #rows = [];
  static from(rows) {
    const register = new Register();
    for (const row of rows) register.add(row);
    return register;
  }
  add(row) {
    this.#rows.push(row);
    return this;
  }
  get size() {
    return this.#rows.length;
  }
  *[Symbol.iterator]() {
    yield* this.#rows;
  }
}

function* pages(rows, size) {
  for (let at = 0; at < rows.length; at += size) yield rows.slice(at, at + size);
}

fn(state => {
  const register = Register.from(state.data);
  return { ...state, size: register.size, rows: [...register], pages: [...pages(state.data, 2)] };
});
