// node:diagnostics_channel: channels that nobody listens to.

const silent = name => ({ name, hasSubscribers: false, publish() {}, subscribe() {}, unsubscribe: () => false });

export const channel = silent;
export const hasSubscribers = () => false;
export const subscribe = () => {};
export const unsubscribe = () => false;
export const tracingChannel = name => ({
  start: silent(name),
  end: silent(name),
  hasSubscribers: false,
  traceSync: (traced, context, self, ...args) => traced.apply(self, args),
});
export default { channel, hasSubscribers, subscribe, tracingChannel, unsubscribe };
