// What the engine gives to every job: timers, a console. And a `send` that asks the test.

let __respond;

(() => {
  const running = new Map();
  let clock = Date.now();
  let lastId = 0;
  Date.now = () => clock;
  const start = (callback, delay, args, every) => {
    lastId += 1;
    running.set(lastId, { callback, args, due: clock + (delay || 1), every });
    return lastId;
  };
  globalThis.setTimeout = (callback, delay, ...args) => start(callback, delay, args);
  globalThis.setInterval = (callback, delay, ...args) => start(callback, delay, args, delay || 1);
  globalThis.setImmediate = (callback, ...args) => start(callback, 0, args);
  globalThis.clearTimeout = id => void running.delete(id);
  globalThis.clearInterval = globalThis.clearTimeout;
  globalThis.clearImmediate = globalThis.clearTimeout;

  globalThis.__nextTimer = () => {
    let next;
    for (const timer of running) if (next === undefined || timer[1].due < next[1].due) next = timer;
    if (next === undefined) return false;
    const [id, timer] = next;
    clock = Math.max(clock, timer.due);
    if (timer.every) timer.due = clock + timer.every;
    else running.delete(id);
    timer.callback(...timer.args);
    return true;
  };

  const lines = [];
  const write = (...values) => void lines.push(values.map(String).join(' '));
  globalThis.__lines = lines;
  globalThis.console = { log: write, info: write, warn: write, error: write, debug: write };

  const text = bytes => bytes && globalThis.__host.utf8Decode(bytes, false);
  globalThis.__sent = [];
  globalThis.__host.send = async ({ method, url, headers, body, timeoutMs }) => {
    const request = { method, url, headers: Object.fromEntries(headers), list: headers, body: text(body), bytes: body, timeoutMs };
    globalThis.__sent.push(request);
    const { status = 200, headers: replied = {}, body: reply = '' } = await __respond(request);
    return {
      status,
      headers: Array.isArray(replied) ? replied : Object.entries(replied),
      body: typeof reply === 'string' ? globalThis.__host.utf8Encode(reply) : reply,
    };
  };
})();
