// Written on Windows
const label = `two
lines`;
fn(state => {
  return { ...state, label, length: label.length };
});

fn(state => ({ ...state, done: true }));
