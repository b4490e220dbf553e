// Where some bytes stand among others.

// The first place from `from` on, or with `step` -1 the last one up to it; -1 if there is none.
export function find(bytes, wanted, from, step = 1) {
  const last = bytes.length - wanted.length;
  const begin = from < 0 ? bytes.length + from : from;
  if (step > 0) {
    for (let at = Math.max(0, begin); at <= last; at += 1) if (matches(bytes, wanted, at)) return at;
  } else {
    for (let at = Math.min(last, begin); at >= 0; at -= 1) if (matches(bytes, wanted, at)) return at;
  }
  return -1;
}

function matches(bytes, wanted, at) {
  for (let index = 0; index < wanted.length; index += 1) if (bytes[at + index] !== wanted[index]) return false;
  return true;
}
