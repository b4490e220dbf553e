get('https://far-side.example/open/data?x=1');
fn(state => ({ ...state, data: state.data.value, url: state.response.url }));
