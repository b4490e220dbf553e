const settings = { pages: null };
const last = settings.pages.length;

fn(state => ({ ...state, last }));
