fn(state => {
  const found = [];
  outer: for (const [row, cells] of state.data.entries()) {
    for (let column = 0; column < cells.length; column++) {
      if (cells[column] === 'skip') continue outer;
      if (cells[column] === 'stop') break outer;
      found.push([row, column]);
    }
  }
  let n = 0;
  do { n += 2; } while (n < 5);
  for (const key in { a: 1, b: 2 }) n += key.charCodeAt(0);
  return { ...state, found, n };
});
