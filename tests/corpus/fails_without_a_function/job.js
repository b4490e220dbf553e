fn(state => state);
fn({ data: 1 });
