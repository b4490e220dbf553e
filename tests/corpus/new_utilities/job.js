fn(state => {
  const id = util.uuid();
  return {
    ...state,
    shaped: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id),
    encoded: util.encode('naïve 🌾'),
    decoded: util.decode('bmHDr3Zl'),
  };
});
