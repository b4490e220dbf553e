get('/submission.xml');

fn(state => {
  const tag = name => new RegExp(`<${name}[^>]*>([^<]*)</${name}>`).exec(state.data)?.[1];
  return { ...state, data: { name: tag('name'), age: Number(tag('age')), none: tag('none') ?? null } };
});
