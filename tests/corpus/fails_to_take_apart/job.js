fn(state => {
  console.log('taking apart');

  // é: the patient
  const note = '🌾'; const { patient: { name } } = state.data;
  return { ...state, name };
});
