fn(state => state);
fn(() => {});
