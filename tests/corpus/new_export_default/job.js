const double = state => ({ ...state, data: state.data * 2 });

export default [double, fn(double), async state => double(state)];
