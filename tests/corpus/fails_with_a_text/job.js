fn(state => state);
  fn(state => { throw 'no such facility: ' + state.data.code; });
