{
  const isPlain = value => typeof value === 'object' && value !== null && !(value instanceof Error);
  const keys = value => Object.keys(value).sort().join(', ');
  const shorten = {
    remove: () => null,
    obfuscate: value => (Array.isArray(value) ? '[array]' : '[object]'),
    summarize: value => {
      const [what, says, amount] = Array.isArray(value)
        ? ['array', `with ${value.length} items`, value.length]
        : ['object', `with keys ${keys(value)}`, Object.keys(value).length];
      return amount === 0 ? `(empty ${what})` : `(${what} ${says})`;
    },
  }['POLICY'];
  for (const name of ['debug', 'log', 'info', 'success', 'always', 'dir', 'table', 'trace', 'warn', 'error']) {
    const write = console[name];
    console[name] = (...values) => {
      const shown = values.map(value => (isPlain(value) ? shorten(value) : value));
      if (values.length === 0 || shown.some(value => value !== null)) write(...shown);
    };
  }
}
