alterState(state => {
  const clean = raw => {
    const digits = String(raw).replace(/[^\d+]/g, '').replace(/^00/, '+');
    const local = /^0(\d{9})$/.exec(digits);
    if (local) return `+256${local[1]}`;
    return /^\+?\d{10,13}$/.test(digits) ? (digits[0] === '+' ? digits : '+' + digits) : null;
  };
  state.data.contacts = state.data.contacts.map(c => ({ name: c.name.trim(), phone: clean(c.phone) }));
  state.data.invalid = state.data.contacts.filter(c => !c.phone).length;
  return state;
});
