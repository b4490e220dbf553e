fn(state => ({ ...state, marked: state.data.title.length }));
