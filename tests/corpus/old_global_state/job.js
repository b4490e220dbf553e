// Some early jobs read the global instead of the parameter.
alterState(() => {
  return { ...state, copied: state.data.form.id, sameOnce: state.data.form.n + 1 };
});
