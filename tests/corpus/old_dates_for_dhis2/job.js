alterState(state => {
  const day = 24 * 60 * 60 * 1000;
  const iso = d => new Date(d).toISOString().split('T')[0];
  const visit = new Date(state.data.visited_at);
  const week = (date => {
    const d = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()));
    d.setUTCDate(d.getUTCDate() + 4 - (d.getUTCDay() || 7));
    const yearStart = new Date(Date.UTC(d.getUTCFullYear(), 0, 1));
    return `${d.getUTCFullYear()}W${Math.ceil(((d - yearStart) / day + 1) / 7)}`;
  })(visit);
  const born = new Date(state.data.dob);
  state.data = {
    eventDate: iso(visit),
    followUp: iso(visit.getTime() + 28 * day),
    period: week,
    month: state.data.visited_at.slice(0, 7).replace('-', ''),
    ageMonths: (visit.getUTCFullYear() - born.getUTCFullYear()) * 12 + visit.getUTCMonth() - born.getUTCMonth(),
    valid: !isNaN(visit),
    invalid: isNaN(new Date('not a date').getTime()),
  };
  return state;
});
