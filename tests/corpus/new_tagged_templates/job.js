const sql = (strings, ...values) => strings.raw.map((part, at) => part + (at < values.length ? `$${at + 1}` : '')).join('');
fn(state => ({ ...state, query: sql`select * from "t" where id = ${state.data.id} and name = ${state.data.name}\n` }));
fn(state => ({ ...state, nested: `a${`b${state.data.id > 1 ? `c${state.data.name}` : ''}`}` }));
