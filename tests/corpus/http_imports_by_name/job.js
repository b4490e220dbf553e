import { get as read, post } from '@openfn/language-http';
import { fn } from '@openfn/language-common';

read('/orgUnits.json', { query: { paging: false } });
fn(state => ({ ...state, units: Object.fromEntries(state.data.organisationUnits.map(u => [u.code, u.id])) }));
post('/events', state => ({ events: [{ orgUnit: state.units.KLA }] }));
