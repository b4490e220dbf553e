// Timers. Nothing runs beside a job, so a timer fires when everything else has settled: the engine asks how long to
// wait, waits, and fires the earliest.

const running = new Map();
const now = Date.now;
let lastId = 0;

function start(callback, delay, args, repeat) {
  if (typeof callback !== 'function') {
    throw new TypeError('a timer needs a function to call');
  }
  const wait = Math.max(1, Math.trunc(Number(delay)) || 0);
  lastId += 1;
  running.set(lastId, { callback, args, due: now() + wait, every: repeat ? wait : undefined });
  return lastId;
}

// Timers due at the same moment fire in the order in which they were started.
function earliest() {
  let found;
  for (const entry of running) {
    if (found === undefined || entry[1].due < found[1].due) found = entry;
  }
  return found;
}

export const timers = {
  next() {
    const found = earliest();
    return found && Math.max(0, found[1].due - now());
  },

  fire() {
    const [id, timer] = earliest();
    if (timer.every === undefined) {
      running.delete(id);
    } else {
      timer.due = Math.max(now(), timer.due) + timer.every;
    }
    timer.callback(...timer.args);
  },
};

export const timerGlobals = {
  setTimeout: (callback, delay, ...args) => start(callback, delay, args, false),
  setInterval: (callback, delay, ...args) => start(callback, delay, args, true),
  setImmediate: (callback, ...args) => start(callback, 0, args, false),
  clearTimeout: id => void running.delete(id),
  clearInterval: id => void running.delete(id),
  clearImmediate: id => void running.delete(id),
};
