const note = `a
b`;

fn(state => {
  // 👩🏾‍⚕️ é
  const é = '👩🏾‍⚕️'; throw new RangeError(note.length + ' is too much');
});
