// `for await (const chunk of readable)`.

import { finished } from './finished.js';

export async function* iterate(stream, { destroyOnReturn = true } = {}) {
  // undefined: it goes on; null: it ended; otherwise why it broke.
  let ending;
  let wake = () => {};
  const onReadable = () => wake();
  stream.on('readable', onReadable);
  const forget = finished(stream, { writable: false }, error => {
    ending = error ?? null;
    wake();
  });
  try {
    for (;;) {
      const chunk = stream.destroyed ? null : stream.read();
      if (chunk !== null) yield chunk;
      else if (ending) throw ending;
      else if (ending === null) return;
      else {
        await new Promise(resolve => {
          wake = resolve;
        });
      }
    }
  } finally {
    stream.removeListener('readable', onReadable);
    forget();
    const over = ending === undefined ? destroyOnReturn !== false : stream._readableState?.autoDestroy !== false;
    if (over) stream.destroy?.(null);
  }
}
