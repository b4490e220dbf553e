// What could not be registered is reported, with the reason, so that somebody can mend it.

post('/api/problems', state => ({
  form: state.data.id,
  reason: state.errors['register-visit'].message,
}));
