cursor(state => state.nowhere, { defaultValue: 'beginning' });
fn(state => ({ ...state, first: state.cursor }));
cursor(state => state.page, { key: 'page', defaultValue: 1 });
cursor((state) => state.page + 1, { key: 'page' });
