fn(state => new Promise(resolve => {
  setTimeout(() => {
    resolve(state.missing.value);
  }, 1);
}));
