// `readable.pipe(writable)`: chunks over, and the reader held back while the writer is full.

import { nextTick } from './callable.js';

export function pipe(source, destination, options) {
  const state = source._readableState;
  const connection = { destination, stop };
  state.pipes.push(connection);

  function onData(chunk) {
    if (destination.write(chunk) === false) {
      state.waitingFor.add(destination);
      source.pause();
    }
  }

  function onDrain() {
    state.waitingFor.delete(destination);
    if (state.waitingFor.size === 0 && source.listenerCount('data') > 0) source.resume();
  }

  function onEnd() {
    destination.end();
  }

  function onError(error) {
    source.unpipe(destination);
    destination.removeListener('error', onError);
    if (destination.listenerCount('error') > 0) return;
    if (destination._writableState && !destination._writableState.errorEmitted) destination.destroy(error);
    else destination.emit('error', error);
  }

  function onClose() {
    source.unpipe(destination);
  }

  function stop() {
    source.removeListener('data', onData);
    source.removeListener('end', onEnd);
    source.removeListener('end', onClose);
    destination.removeListener('drain', onDrain);
    destination.removeListener('error', onError);
    destination.removeListener('close', onClose);
    destination.removeListener('finish', onClose);
    state.waitingFor.delete(destination);
    destination.emit('unpipe', source, { hasUnpiped: false });
  }

  const ends = options?.end === false ? onClose : onEnd;
  if (state.endEmitted) nextTick(ends);
  else source.once('end', ends);
  source.on('data', onData);
  destination.on('drain', onDrain);
  destination.prependListener?.('error', onError);
  destination.once('close', onClose);
  destination.once('finish', onClose);
  destination.emit('pipe', source);
  if (destination.writableNeedDrain === true) {
    state.waitingFor.add(destination);
    source.pause();
  } else if (!state.flowing) {
    source.resume();
  }
  return destination;
}

export function unpipe(source, destination) {
  const state = source._readableState;
  const gone = state.pipes.filter(connection => destination === undefined || connection.destination === destination);
  if (gone.length === 0) return source;
  state.pipes = state.pipes.filter(connection => !gone.includes(connection));
  for (const connection of gone) connection.stop();
  if (state.pipes.length === 0) source.pause();
  return source;
}
